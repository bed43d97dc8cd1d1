"""Searchers side by side on real pools, beside what people do today.

    python -m benchmarks.compare --zoo digits fashion-mnist --soups 1 2 4

Every method is charged as if it had evaluated its soups itself; their logits are kept in one folder per pool, so that a
soup which two methods try runs once. Scores on held-out data are those of the pool's test set, or of the part of the
validation data that selects nothing.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import radin
from benchmarks import zoos
from radin.cli.console import Bars, output, table
from radin.procedure import merit


@dataclass(frozen=True)
class Row:
    """One method on one pool, with all that it spent."""

    zoo: str
    method: str
    soups_allowed: int | None
    selection: float
    held_out: float
    size: int
    soups: int
    candidates: int
    seconds_search: float


def main(arguments: Sequence[str] | None = None) -> None:
    """Compares searchers at equal budgets of real soups, beside best single, uniform and greedy soup."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", nargs="+", default=["digits"], choices=zoos.names(), help="the pools")
    parser.add_argument("--searcher", nargs="+", help="all that are installed by default")
    parser.add_argument("--soups", nargs="+", type=int, default=[1, 2, 4], help="B, once for each value")
    parser.add_argument("--candidates", type=int, default=70_000, help="K of every searcher; all subsets of 16")
    parser.add_argument("--lam", type=float, default=1.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--run-dir", type=Path, default=Path("runs/compare"), help="keeps the logits of every soup")
    parser.add_argument("--json", type=Path, help="append one line per row to this file, at once")
    parser.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    given = parser.parse_args(arguments)
    for name in given.zoo:
        rows = []
        with Bars() as bars:
            zoo = zoos.get(name)
            pool, task = radin.Pool(zoo.build(progress=bars)), zoo.task()
            for row in chain(
                baselines(name, pool, task, given.run_dir / name, bars),
                searched(name, pool, task, given, bars),
            ):
                rows.append(row)
                if given.json:
                    with given.json.open("a") as file:
                        about = {"lam": given.lam, "seed": given.seed, "radin": radin.__version__}
                        file.write(json.dumps(asdict(row) | about) + "\n")
        show(name, len(pool), rows, given.markdown)


def baselines(name: str, pool: radin.Pool, task: radin.Task, run: Path, bars: Bars) -> Iterator[Row]:
    """What people do without a search: the best single ingredient, everything, and the greedy soup in full."""
    with radin.Verifier(pool, task, run, progress=bars) as verifier:

        def row(method: str, recipe: radin.Recipe, soups: int) -> Row:
            _, labels, logits = verifier.unseen_logits(recipe)
            selection = task.scored_by.value(verifier.logits(recipe)[verifier.selection_rows], verifier.bank.labels)
            held_out = task.scored_by.value(logits, labels)
            return Row(name, method, None, selection, held_out, recipe.size, soups, 0, 0.0)

        single = radin.Recipe.subset(pool.names, [int(verifier.solo.argmax())])
        greedy = radin.search("greedy", verifier, radin.Budget(soups=None), top=1, progress=bars)
        won = greedy and greedy[0].score > verifier.solo.max()
        yield row("best single ingredient", single, 0)
        yield row("uniform soup", radin.Recipe.uniform(pool.names), 1)
        yield row("greedy soup", greedy[0].recipe if won else single, greedy.charged)


def searched(name: str, pool: radin.Pool, task: radin.Task, given: argparse.Namespace, bars: Bars) -> Iterator[Row]:
    """The procedure with every searcher; a smaller B verifies the first soups of a larger one's shortlist."""
    run = given.run_dir / name
    for searcher in given.searcher or sorted(radin.searchers()):
        budget = radin.Budget(soups=max(given.soups), candidates=given.candidates)
        found = radin.make_soup(
            pool, task, searcher, budget=budget, lam=given.lam, seed=given.seed, run_dir=run, progress=bars
        )
        singles = [entry for entry in found.leaderboard if entry.recipe.size == 1]
        with radin.Verifier(pool, task, run, progress=bars) as verifier:
            for cap in sorted(given.soups):
                best = max([*found.verified[:cap], *singles], key=merit(task))
                _, labels, logits = verifier.unseen_logits(best.recipe)
                yield Row(
                    zoo=name,
                    method=searcher,
                    soups_allowed=cap,
                    selection=best.score,
                    held_out=task.scored_by.value(logits, labels),
                    size=best.recipe.size,
                    soups=min(cap, found.spent.soups),
                    candidates=found.spent.candidates,
                    seconds_search=found.spent.seconds_search,
                )


def show(name: str, n: int, rows: list[Row], markdown: bool) -> None:
    """Prints the table of one pool."""
    columns = ["method", "B", "selection", "held out", "size", "real soups", "candidates", "search, s"]
    cells: list[list[Any]] = [
        [
            row.method,
            "" if row.soups_allowed is None else str(row.soups_allowed),
            f"{row.selection:.4f}",
            f"{row.held_out:.4f}",
            str(row.size),
            str(row.soups),
            f"{row.candidates:,}",
            f"{row.seconds_search:.1f}",
        ]
        for row in rows
    ]
    if not markdown:
        output().print(table(f"{name}: {n} ingredients", columns, cells, numbers=range(1, len(columns))))
        return
    print(f"\n**{name}**, {n} ingredients\n")
    for line in (columns, ["---"] + ["---:"] * (len(columns) - 1), *cells):
        print("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
