"""Searchers and baselines side by side on real pools.

A replicate is a random sub-pool, a random split of its samples into those that select and those that are held out, and
a search seed, all from one number. Every method runs on the same replicates, and is charged for every soup that it
evaluates, as if it were the first to do so; soups are evaluated once and kept beside the pool. Each run is one line in
OUT/runs.jsonl, written at once. The same command resumes where it stopped, and repeats runs that failed. Tables follow,
on the screen and in OUT/tables.md, and pictures.

examples:
  python -m benchmarks.compare --quick
  python -m benchmarks.compare --zoo digits fashion-mnist --searcher all --soups 1 2 4 8 --lam 0 1 --replicates 20
  python -m benchmarks.compare --zoo digits --searcher greedy forward --lam 0 0.25 0.5 1 2 4 10
  python -m benchmarks.compare --zoo digits --candidates 30 100 300 1000 --part 0.5 0.75 1
  python -m benchmarks.compare --zoo digits --searcher optuna-tpe --option optuna-tpe.trials=200
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

if not __package__:  # run as a file: the folder that holds `benchmarks` is not on the path then, but its inside is
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import radin
from benchmarks import zoos
from benchmarks.comparison import methods, pictures, tables
from benchmarks.comparison.rows import Rows
from benchmarks.comparison.runs import Plan, carry_out
from benchmarks.comparison.trial import Replicate
from benchmarks.terminal import print_table
from radin.common.bars import Bars
from radin.common.files import written_aside
from radin.common.pairs import pairs
from radin.errors import InputError, RadinError
from radin.evaluation.settings import SHORTLIST
from radin.scoring.criterion_default import CRITERIA, CRITERION

#: Defaults, and those of `--quick`.
USUAL = {"soups": [1, 2, 4, 8], "lam": [0.0, 1.0], "replicates": 20, "candidates": [20_000]}
QUICK = {"soups": [1, 2], "lam": [0.0], "replicates": 3, "candidates": [300]}


def within(kind: type[int] | type[float], low: float, high: float = math.inf) -> Callable[[str], float]:
    """A converter of arguments to numbers, which refuses those outside of a range."""

    def number(text: str) -> float:
        value = kind(text)
        if not low <= value <= high:
            top = "" if math.isinf(high) else f" and at most {high:g}"
            raise argparse.ArgumentTypeError(f"expected at least {low:g}{top}, got {text}")
        return value

    number.__name__ = kind.__name__  # argparse's name for a value that is no number
    return number


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    say = made.add_argument
    whole, share = within(int, 1), within(float, 0, 1)
    say("--zoo", nargs="+", default=["digits"], metavar="NAME", help=f"pools, of: {', '.join(zoos.names())} (digits)")
    say("--searcher", nargs="+", default=["all"], metavar="NAME", help="searchers; all that are installed (all)")
    say("--option", nargs="+", default=[], metavar="SEARCHER.NAME=VALUE", help="an option of a searcher")
    say("--soups", nargs="+", type=within(int, 1, SHORTLIST), metavar="B", help="budgets of real soups (1 2 4 8)")
    say("--lam", nargs="+", type=within(float, 0), metavar="λ", help="strengths of the prior (0 1)")
    say("--candidates", nargs="+", type=whole, metavar="K", help="recipes scored from logits (20000)")
    say("--replicates", type=whole, metavar="R", help="how many (20)")
    say("--first", type=within(int, 0), default=0, metavar="R", help="number of the first replicate (0)")
    say("--part", nargs="+", type=share, default=[0.75], metavar="SHARE", help="of the pool, in a sub-pool (0.75)")
    say("--held-out", type=share, default=0.5, metavar="SHARE", help="of the samples, which is held out (0.5)")
    say("--limit", type=within(int, 2), metavar="M", help="use M samples of each pool, so that a soup is cheap")
    say("--batchnorm", default="recompute", choices=["average", "recompute", "keep"], help="policy (recompute)")
    say("--workers", type=whole, metavar="N", help="run networks in N processes of a local Ray, see docs/scale.md")
    say("--criterion", default=CRITERION, choices=list(CRITERIA), help="by what methods choose (%(default)s)")
    say("--out", type=Path, default=Path("results"), help="folder of runs, tables and pictures (results)")
    say("--quick", action="store_true", help="a small run to see that everything works, under two minutes")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out the missing runs, then shows all runs; returns the exit code, 1 if a run failed."""
    made = parser()
    given = made.parse_args(arguments)
    for name, value in (QUICK if given.quick else USUAL).items():
        if getattr(given, name) is None:
            setattr(given, name, value)
    try:
        plan = planned(given)
    except RadinError as error:
        made.error(str(error))
    rows = Rows(given.out / "runs.jsonl")
    with Bars() as bars:
        failed = carry_out(plan, rows, bars)
    show(rows, given.out)
    if failed:
        print(
            f"{failed} runs failed; the reasons are in {rows.path}, and the same command repeats them", file=sys.stderr
        )
    return 1 if failed else 0


def planned(given: argparse.Namespace) -> Plan:
    """The plan that the command line asks for.

    Raises:
        RadinError: unknown pools, searchers or options.
    """
    for zoo in given.zoo:
        zoos.get(zoo)
    return Plan(
        zoos=given.zoo,
        methods=[*methods.baselines(), *_searchers(given)],
        soups=sorted(set(given.soups)),
        replicates=[
            Replicate(number, part, given.held_out)
            for number in range(given.first, given.first + given.replicates)
            for part in given.part
        ],
        limit=given.limit,
        batchnorm=given.batchnorm,
        workers=given.workers,
        criterion=given.criterion,
    )


def _searchers(given: argparse.Namespace) -> list[methods.Method]:
    installed = radin.searchers()
    names = list(installed) if "all" in given.searcher else list(dict.fromkeys(given.searcher))
    options: dict[str, dict[str, str]] = {name: {} for name in names}
    for key, value in pairs(given.option, "--option").items():
        name, _, option = key.partition(".")
        if name not in options:
            raise InputError(f"--option {key}: no searcher {name!r} takes part; there are: {', '.join(names)}")
        options[name][option] = value
    return [
        method
        for lam in given.lam
        for candidates in given.candidates
        for name in names
        for method in methods.searcher(name, lam, candidates, options[name])
    ]


def show(rows: Rows, out: Path) -> None:
    """Prints the tables of all runs in the file, and writes them and the pictures beside it."""
    text, figures = [], []
    for setting, group in tables.by_setting(rows).items():
        lines = tables.method_table(group)
        text.append(f"## {setting}\n\n{tables.markdown(tables.COLUMNS, lines)}\n")
        print_table(str(setting), tables.COLUMNS, lines, numbers=range(1, len(tables.COLUMNS)))
        figures += tables.figures(setting, group)
    for soups in sorted({row["soups"] for row in rows if row.get("soups")}):
        columns, lines = tables.across(tables.by_setting(rows), soups)
        text.insert(0, f"## All pools at B = {soups}\n\n{tables.markdown(columns, lines)}\n")
    if figures:
        text.insert(0, f"{tables.markdown(tables.FIGURES, figures, texts=2)}\n")
        print_table("figures to reach", tables.FIGURES, figures, numbers=range(2, 5))
    with written_aside(out / "tables.md") as file:
        file.write("\n".join(text).encode())
    for path in pictures.draw(rows, out):
        print(f"picture: {path}")


if __name__ == "__main__":
    sys.exit(main())
