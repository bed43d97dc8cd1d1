"""`python -m benchmarks.zoos.survey digits many ...`: scores of soups on each pool, as a Markdown table."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors.torch import load_file

import radin
from benchmarks import zoos
from radin.scoring.criterion_default import CRITERIA, CRITERION

#: The columns that follow the pool's name and size.
COLUMNS = ("shared start", "worst", "mean", "best", "uniform soup", "greedy soup", "radin, B = 4")


def survey(
    name: str, pool: radin.Pool, task: radin.Task, start: Path, run: Path, criterion: str = CRITERION
) -> list[str]:
    """One row: accuracy in per cent on the selection data, then on data that selected nothing.

    Worst and best are ingredients by their score on the selection data, and so are the two of which the greedy soup and
    radin's choice are the better one; the mean is over all ingredients.

    Arguments:
        name: of the pool.
        pool: the ingredients.
        task: what they are run on.
        start: the file of the network that they were fine-tuned from.
        run: folder for the logits.
        criterion: by what radin ranks and chooses, see `radin.make_soup`.
    """
    everything = radin.Recipe.uniform(pool.names)
    with radin.Verifier(pool, task, run) as verifier:
        singles = [radin.Recipe.subset(pool.names, [i]) for i in range(len(pool))]
        order = np.argsort(verifier.solo, kind="stable")
        worst, best = singles[order[0]], singles[order[-1]]
        greedy = radin.search("greedy", verifier, radin.Budget(soups=None), top=1)
        found = greedy[0].recipe if greedy and greedy[0].score > verifier.solo.max() else best
        cells = [_start(verifier, task, start), _cell(verifier, [worst]), _cell(verifier, singles)]
        cells += [_cell(verifier, [one]) for one in (best, everything, found)]
    result = radin.make_soup(pool, task, run_dir=run, criterion=criterion, race=False, baselines=())
    with radin.Verifier(pool, task, run) as verifier:
        cells.append(_cell(verifier, [result.best.recipe]))
    return [name, str(len(pool)), *cells]


def _cell(verifier: radin.Verifier, recipes: Sequence[radin.Recipe]) -> str:
    """Mean score of some recipes on both data; the size of a single one that is a soup."""
    metric = verifier.task.scored_by
    selecting = [metric.value(verifier.selection_logits(one), verifier.bank.labels) for one in recipes]
    unseen = [verifier.unseen_logits(one) for one in recipes]
    reporting = [metric.value(logits, labels) for _, labels, logits in unseen]
    size = f" ({recipes[0].size})" if len(recipes) == 1 and recipes[0].size > 1 else ""
    return f"{100 * np.mean(selecting):.2f} / {100 * np.mean(reporting):.2f}{size}"


def _start(verifier: radin.Verifier, task: radin.Task, path: Path) -> str:
    network = task.network()
    network.load_state_dict(load_file(path))
    logits = np.concatenate(list(task.logits(network, task.rows)))[verifier.selection_rows]
    return f"{100 * task.scored_by.value(logits, verifier.bank.labels):.2f}"


def main(arguments: Sequence[str] | None = None) -> None:
    """Prints a row for each pool as soon as it is known."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.zoos.survey", description=(__doc__ or ""))
    parser.add_argument("names", nargs="+", metavar="NAME", choices=zoos.names(), help="of pools")
    parser.add_argument("--criterion", default=CRITERION, choices=list(CRITERIA), help="of radin (%(default)s)")
    parser.add_argument("--out", type=Path, help="folder of all pools, see `python -m benchmarks.zoos --help`")
    parser.add_argument("--run-dir", type=Path, help="keeps the logits of every soup (default: nowhere)")
    given = parser.parse_args(arguments)
    print("| pool | ingredients | " + " | ".join(COLUMNS) + " |\n|---|---:|" + "---:|" * len(COLUMNS), flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.names:
            zoo = zoos.get(name)
            pool = radin.Pool(zoo.build(given.out))
            start = next(zoo.folder(given.out).rglob("pretrained.safetensors"))  # of adapters it is their base's
            run = (given.run_dir or Path(scratch)) / name
            cells = survey(name, pool, zoo.task(), start, run, given.criterion)
            print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
