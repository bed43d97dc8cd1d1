"""The paper's experiment (arXiv 2401.17790) on your own copies of its data, with your own fine-tuned CLIPs.

Thirteen checkpoints of a CLIP ViT-B/32 there; any number of any open_clip architecture here. RADIN at every B and λ,
and `radin.make_soup` with its defaults, are compared with the best single checkpoint, the uniform soup, and the greedy
soup at equal B and in full. Each winner is measured on every test set, the usual one and the shifted ones. Every row is
a line in OUT/DATA.jsonl, written at once; the same command resumes where it stopped, and repeats rows that failed.

DATA is one of
  cifar10    FOLDER holds CIFAR-10's own files
  imagenet   FOLDER holds imagenet/ and, as far as they are there, imagenetv2-matched-frequency-format-val/,
             imagenet-r/, sketch/ (or imagenet-sketch/), imagenet-a/ and objectnet-1.0/
  domainnet  FOLDER holds the domains and their lists; --domain is the one that selects, all are test sets

The selection data are a held-out part of the training set, which the checkpoints must not have been trained on.

  python -m benchmarks.studies.paper imagenet data/ soups/*.pt --split minival.npy --task-arg arch=ViT-B-32-quickgelu
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter
from pathlib import Path
from typing import Any

import radin
from benchmarks.comparison.rows import Row, Rows
from benchmarks.comparison.runs import described, versions
from benchmarks.comparison.tables import DEFAULT
from benchmarks.speed.processes import machine
from benchmarks.terminal import print_table
from radin.common.bars import Bars
from radin.common.files import fingerprint_of
from radin.common.pairs import pairs
from radin.common.progress import SILENT
from radin.errors import MissingFileError, RadinError
from radin.evaluation.settings import SHORTLIST
from radin.evaluation.verification import verify_best
from radin.report.verified_soup import assess, marked, ranked
from radin.scoring.criterion import criterion_of
from radin.scoring.criterion_default import CRITERION
from radin.tasks.load import load_task

#: Folders of ImageNet's shifted test sets, by the kind that reads them.
SHIFTS = {
    "imagenet-v2": ("imagenetv2-matched-frequency-format-val",),
    "imagenet-r": ("imagenet-r",),
    "imagenet-sketch": ("sketch", "imagenet-sketch"),
    "imagenet-a": ("imagenet-a",),
    "objectnet": ("objectnet-1.0",),
}


@dataclass(frozen=True)
class Winner:
    """The winner of a method at one budget, and its charge: as if nobody had evaluated its soups before."""

    soups: int | None
    recipe: radin.Recipe
    charged: int


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.paper",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    say = made.add_argument
    say("data", choices=["cifar10", "imagenet", "domainnet"], help="which data")
    say("folder", type=Path, help="your copy of them")
    say("checkpoints", nargs="+", metavar="CKPT", help="files, folders or globs")
    say("--split", default="heldout", help="selection data: heldout, or a file that lists training images (heldout)")
    say("--domain", default="real", help="DomainNet's domain that selects (real)")
    say("--task-arg", action="append", default=[], metavar="KEY=VALUE", help="an argument of the task open_clip")
    say("--searcher", default="exhaustive", help="of the paper's rows; the default ranks all subsets of 13")
    say("--soups", type=int, nargs="+", default=[1, 2, 4, 8], metavar="B", help="budgets of real soups (1 2 4 8)")
    say("--lam", type=float, nargs="+", default=[0.0, 1.0], metavar="λ", help="strengths of the prior (0 1)")
    say("--candidates", type=int, default=20_000, metavar="K", help="recipes scored from logits (20000)")
    say("--limit", type=int, metavar="M", help="at most so many samples of each set")
    say("--device", choices=["auto", "cpu", "cuda"], help="where the networks run")
    say("--batch-size", type=int, help="samples per forward pass")
    say("--loaders", type=int, help="processes that load images")
    say("--out", type=Path, default=Path("results/paper"), help="folder of rows and logits (results/paper)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out the missing rows, then shows all; returns the exit code, 1 if a row failed."""
    given = parser().parse_args(arguments)
    rows = Rows(given.out / f"{given.data}.jsonl")
    heading: Row = {"zoo": given.data, "versions": versions(), "machine": machine()}
    try:
        with Bars() as bars:
            task = open_task(given)
            pool = radin.Pool(given.checkpoints)
            with radin.Verifier(pool, task, given.out / given.data, progress=bars) as verifier:
                tests = {name: part.fingerprint for name, part in task.tests.items()}
                heading["store"] = fingerprint_of(verifier.scope, tests)[:16]
                failed = sum(row["error"] is not None for row in carry_out(given, verifier, rows, heading))
    except RadinError as error:
        rows.add(heading | {"error": described(error)})
        print(f"error: {error}", file=sys.stderr)
        return 1
    show([row for row in rows if row.get("store") == heading["store"]], len(pool), list(task.tests))
    if failed:
        print(
            f"{failed} rows failed; the reasons are in {rows.path}, and the same command repeats them", file=sys.stderr
        )
    return int(failed > 0)


def open_task(given: argparse.Namespace) -> radin.Task:
    """The task open_clip on these data."""
    data, tests = {"cifar10": cifar10, "imagenet": imagenet, "domainnet": partial(domainnet, domain=given.domain)}[
        given.data
    ](given.folder)
    named = {"data": data, "split": given.split, "test": ",".join(f"{name}={spec}" for name, spec in tests.items())}
    changes = {name: getattr(given, name) for name in ("limit", "device", "batch_size", "loaders")}
    return load_task("open_clip", named | pairs(tuple(given.task_arg), "--task-arg"), **changes)


def cifar10(folder: Path) -> tuple[str, dict[str, str]]:
    """Selection data and test sets of CIFAR-10."""
    return f"cifar10:{folder}", {"cifar10": f"cifar10/test:{folder}"}


def imagenet(folder: Path) -> tuple[str, dict[str, str]]:
    """Selection data and test sets of ImageNet: its own, and every shifted one that is there."""
    inner = folder / "imagenet" if (folder / "imagenet").is_dir() else folder
    found = {
        kind: f"{kind}:{folder / name}" for kind, names in SHIFTS.items() for name in names if (folder / name).is_dir()
    }
    return f"imagenet:{inner}", {"imagenet": f"imagenet/val:{inner}"} | found


def domainnet(folder: Path, domain: str) -> tuple[str, dict[str, str]]:
    """Selection data and test sets of DomainNet; the selecting domain's own test set comes first."""
    inner = folder / "domainnet" if (folder / "domainnet").is_dir() else folder
    # Two levels alone: the lists lie in the folder or beside one another in one below, and there are 600 000 images.
    lists = {path.name.removesuffix("_test.txt") for depth in ("", "*/") for path in inner.glob(f"{depth}*_test.txt")}
    if domain not in lists:
        raise MissingFileError(f"{inner}: no list {domain}_test.txt; the domains there are {sorted(lists)}")
    domains = [domain, *sorted(lists - {domain})]
    return f"domainnet:{inner / domain}", {name: f"domainnet/test:{inner / name}" for name in domains}


def carry_out(given: argparse.Namespace, verifier: radin.Verifier, rows: Rows, heading: Row) -> Iterator[Row]:
    """Adds the rows that are missing, one by one; a method that fails costs its own rows alone."""
    caps = sorted(set(given.soups))
    searches = [(given.searcher, lam, partial(radin_at, verifier, given, lam, caps)) for lam in given.lam]
    methods: list[tuple[str, float | None, Any, list[int | None]]] = [
        ("best single", None, partial(best_single, verifier), [None]),
        ("uniform", None, partial(uniform, verifier), [None]),
        ("greedy soup", None, partial(greedy_soup, verifier, caps), [*caps, None]),
        *((f"RADIN, {name}", lam, play, list[int | None](caps)) for name, lam, play in searches),
        ("make_soup, defaults", DEFAULT[1], partial(by_default, verifier, given, caps), list[int | None](caps)),
    ]
    for method, lam, play, budgets in methods:
        about = heading | {"method": method, "lam": lam, "candidates": given.candidates if lam is not None else None}
        missing = {cap: about | {"soups": cap} for cap in budgets if not rows.has(about | {"soups": cap})}
        try:
            for winner in play() if missing else ():
                if winner.soups in missing:
                    row = missing[winner.soups] | measured(verifier, winner) | {"error": None}
                    rows.add(row)
                    yield missing.pop(winner.soups) | row
        except Exception as error:
            # A fault of one method must not cost the others.
            for row in missing.values():
                rows.add(row | {"error": described(error)})
                yield row | {"error": described(error)}


def measured(verifier: radin.Verifier, winner: Winner) -> Row:
    """A winner's scores, on what selected it and on every test set."""
    metric, tests = verifier.task.scored_by, {}
    for name in verifier.task.tests:
        _, labels, logits = verifier.unseen_logits(winner.recipe, on=name)
        tests[name] = metric.value(logits, labels)
    return {
        "selection": metric.value(verifier.selection_logits(winner.recipe), verifier.bank.labels),
        "tests": tests,
        "mean": sum(tests.values()) / len(tests),
        "size": winner.recipe.size,
        "recipe": winner.recipe.to_json(),
        "soups_charged": winner.charged,
        "samples_selecting": len(verifier.selection_rows),
        "samples_reporting": {name: len(part.labels) for name, part in verifier.task.tests.items()},
        "metric": metric.name,
    }


def best_single(verifier: radin.Verifier) -> Iterator[Winner]:
    """The best ingredient on the selection data."""
    yield Winner(None, winner_of(verifier, []), 0)


def uniform(verifier: radin.Verifier) -> Iterator[Winner]:
    """The uniform soup of all ingredients."""
    yield Winner(None, radin.Recipe.uniform(verifier.names), 1)


def greedy_soup(verifier: radin.Verifier, caps: Sequence[int]) -> Iterator[Winner]:
    """The greedy soup of Wortsman et al. 2022 on real soups, cut off at every B, then in full."""
    for cap in (*caps, None):
        found = radin.search("greedy", verifier, radin.Budget(soups=cap, candidates=None), top=1)
        yield Winner(cap, winner_of(verifier, [one.recipe for one in found]), found.charged)


def radin_at(verifier: radin.Verifier, given: argparse.Namespace, lam: float, caps: Sequence[int]) -> Iterator[Winner]:
    """RADIN: rank by averaged logits, verify the B best in that order."""
    surrogate = radin.Surrogate(verifier.bank, verifier.task.metric, lam)
    budget = radin.Budget(candidates=given.candidates, soups=None)
    shortlist = [one.recipe for one in radin.search(given.searcher, surrogate, budget, top=max(caps))]
    for cap in caps:
        yield Winner(cap, winner_of(verifier, shortlist[:cap]), len(shortlist[:cap]))


def by_default(verifier: radin.Verifier, given: argparse.Namespace, caps: Sequence[int]) -> Iterator[Winner]:
    """The winner of `radin.make_soup` without baselines, in which each verified soup helps to choose the next."""
    searcher, lam = DEFAULT[0].removeprefix("calibrated "), DEFAULT[1]
    judge = criterion_of(CRITERION, verifier.task.scored_by, verifier.bank.kind)
    surrogate, most = radin.Surrogate(verifier.bank, judge, lam), max(caps)
    shortlist = radin.search(searcher, surrogate, radin.Budget(candidates=given.candidates, soups=None), top=SHORTLIST)
    budget = radin.Budget(soups=most)
    found = verify_best(shortlist, verifier, surrogate, budget, learns=True, progress=SILENT)
    in_turn = [one.recipe for one in sorted(found, key=attrgetter("number"))]
    for cap in caps:
        yield Winner(cap, winner_of(verifier, in_turn[:cap], surrogate), len(in_turn[:cap]))


def winner_of(
    verifier: radin.Verifier, tried: Sequence[radin.Recipe], surrogate: radin.Surrogate | None = None
) -> radin.Recipe:
    """The best of some soups and all ingredients, by the metric, or by the default criterion, that of a surrogate."""
    by_criterion = surrogate is not None
    singles = [radin.Recipe.subset(verifier.names, [i]) for i in range(len(verifier.names))]
    surrogate = surrogate or radin.Surrogate(verifier.bank, verifier.task.metric)
    entries = assess([*tried, *singles], verifier, surrogate)
    return ranked(marked(entries, verifier, CRITERION) if by_criterion else entries)[0].recipe


def show(rows: Sequence[Row], n: int, tests: Sequence[str]) -> None:
    """Prints the table of one dataset."""
    columns = ["method", "λ", "B", "soups", "size", "selection", *tests, "mean"]
    cells = [
        [
            row["method"],
            "" if row["lam"] is None else f"{row['lam']:g}",
            "" if row["soups"] is None else str(row["soups"]),
            str(row["soups_charged"]),
            str(row["size"]),
            *(f"{value:.4f}" for value in (row["selection"], *(row["tests"][name] for name in tests), row["mean"])),
        ]
        for row in rows
        if row.get("method") and row["error"] is None
    ]
    print_table(f"{n} ingredients", columns, cells, numbers=range(1, len(columns)))


if __name__ == "__main__":
    sys.exit(main())
