"""`python -m benchmarks.studies.batchnorm --zoo convnet efficientnet`: soups under each BatchNorm policy.

The same random subsets are built under each of radin's policies (`average` the members' statistics, `recompute` them
from the network's own activations, `keep` those of one member) and run on the selection data. The gap is to
the averaged logits, which depend on no policy. The single ingredients with recomputed statistics show which part of the
gain does not come from averaging. `docs/zoos.md` quotes the table.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

import radin
from benchmarks import zoos
from radin.scoring.metrics import get_metric

POLICIES = ("average", "recompute", "keep")

#: The row about ingredients.
SINGLES = "recompute, single ingredients"


@dataclass(frozen=True)
class Row:
    """One policy on one pool; scores are accuracies on the selection data, means over the subsets.

    Attributes:
        zoo: the pool.
        policy: of BatchNorm statistics.
        subsets: how many were built; their sizes are spread evenly. Or how many ingredients there are.
        score: of the soups, or of the ingredients.
        gap: the soups' score less that of the averaged logits.
        gap_nll: the same of the negative log-likelihood; positive where the soups are worse.
        better: the soups' score less that under `average`, subset by subset; the ingredients' less that as saved.
        error: standard error of `better` over the subsets.
        rank_correlation: Spearman's, between soups and averaged logits.
        seconds: of one soup, or of one ingredient.
    """

    zoo: str
    policy: str
    subsets: int
    score: float
    gap: float | None
    gap_nll: float | None
    better: float
    error: float
    rank_correlation: float | None
    seconds: float


def draw_subsets(n: int, k: int, seed: int) -> np.ndarray:
    """`bool[k, n]`: the whole pool, then distinct random subsets of at least two members, of every size alike."""
    rng = np.random.default_rng(seed)
    drawn = {tuple(range(n)): None}
    while len(drawn) < min(k, 2**n - n - 1):
        size = int(rng.integers(2, n + 1))
        drawn[tuple(sorted(rng.permutation(n)[:size].tolist()))] = None
    masks = np.zeros((len(drawn), n), dtype=bool)
    for mask, members in zip(masks, drawn, strict=True):
        mask[list(members)] = True
    return masks


def measure(zoo: str, pool: radin.Pool, task: radin.Task, run: Path, *, subsets: int, seed: int) -> list[Row]:
    """One row for each policy, and one for the ingredients.

    Arguments:
        zoo: the pool's name.
        pool: the ingredients.
        task: what they are run on.
        run: folder for logits; soups that are there are not run again.
        subsets: how many.
        seed: that draws them.
    """
    from scipy.stats import spearmanr

    masks = draw_subsets(len(pool), subsets, seed)
    rows: list[Row] = []
    base = np.zeros(len(masks))
    for policy in POLICIES:
        with radin.Verifier(pool, task, run, batchnorm=policy) as verifier:
            begun = time.perf_counter()
            real = verifier(masks)
            seconds = (time.perf_counter() - begun) / len(masks)
            nll = verifier.tie_break(masks)
            promised = radin.Surrogate(verifier.bank, task.metric).metric_scores(masks)
            promised_nll = -radin.Surrogate(verifier.bank, get_metric("nll")).metric_scores(masks)
        base = real if policy == "average" else base
        better = real - base
        rows.append(
            Row(
                zoo=zoo,
                policy=policy,
                subsets=len(masks),
                score=float(real.mean()),
                gap=float((real - promised).mean()),
                gap_nll=float((nll - promised_nll).mean()),
                better=float(better.mean()),
                error=float(better.std(ddof=1) / np.sqrt(len(masks))),
                rank_correlation=float(spearmanr(real, promised).statistic),
                seconds=seconds,
            )
        )
    return [*rows, measure_singles(zoo, pool, task, run)]


def measure_singles(zoo: str, pool: radin.Pool, task: radin.Task, run: Path) -> Row:
    """The ingredients with recomputed statistics, beside themselves as they were saved; arguments as for `measure`."""
    with radin.Verifier(pool, task, run, batchnorm="recompute") as verifier:
        begun = time.perf_counter()
        singles = [radin.Recipe.subset(pool.names, [i]) for i in range(len(pool))]
        logits = [verifier.selection_logits(single, statistics="recomputed") for single in singles]
        seconds = (time.perf_counter() - begun) / len(pool)
        scores = np.array([task.scored_by.score(one, verifier.bank.labels) for one in logits])
        better = scores - verifier.solo
    error = float(better.std(ddof=1) / np.sqrt(len(pool)))
    return Row(zoo, SINGLES, len(pool), float(scores.mean()), None, None, float(better.mean()), error, None, seconds)


def table(rows: Sequence[Row]) -> str:
    """The rows as a Markdown table; scores and gaps in points."""
    lines = [
        "| pool | policy | accuracy | gap | gap, NLL | against average | rank correlation |",
        "|---|---|" + "---:|" * 5,
    ]
    for row in rows:
        paired = "" if row.policy == "average" else f"{100 * row.better:+.2f} ± {100 * row.error:.2f}"
        cells = [
            f"{100 * row.score:.2f}",
            "" if row.gap is None else f"{100 * row.gap:+.2f}",
            "" if row.gap_nll is None else f"{row.gap_nll:+.4f}",
            paired,
            "" if row.rank_correlation is None else f"{row.rank_correlation:.2f}",
        ]
        lines.append("| " + " | ".join([row.zoo, row.policy, *cells]) + " |")
    return "\n".join(lines)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measures and prints the table."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.batchnorm", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("--zoo", nargs="+", default=["convnet"], choices=zoos.names(), help="pools with BatchNorm")
    parser.add_argument("--subsets", type=int, default=20, help="soups under each policy (default: 20)")
    parser.add_argument("--seed", type=int, default=0, help="draws the subsets (default: 0)")
    parser.add_argument("--run-dir", type=Path, help="keeps the logits of every soup (default: nowhere)")
    parser.add_argument("--json", type=Path, help="append one line per row to this file")
    given = parser.parse_args(arguments)
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in given.zoo:
            zoo = zoos.get(name)
            pool, run = radin.Pool(zoo.build()), (given.run_dir or Path(scratch)) / name
            rows += measure(name, pool, zoo.task(), run, subsets=given.subsets, seed=given.seed)
    print(table(rows))
    if given.json:
        with given.json.open("a") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)


if __name__ == "__main__":
    main()
