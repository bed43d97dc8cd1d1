"""`python -m benchmarks.studies.criteria`: by what candidates should be ranked, and verified soups chosen.

For each pool, number of selecting rows and replicate, stepwise selection on averaged logits plays by each criterion;
the best B of its candidates are verified on real soups, and the winner among them and all ingredients is chosen by the
same criterion, or by another. All are compared, paired by replicate, with ranking and choosing by the metric, on all
samples that did not select. Rows go to OUT/criteria.jsonl; a second run adds what is missing.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from benchmarks import zoos
from benchmarks.comparison.runs import described, versions
from benchmarks.comparison.store import Store
from benchmarks.comparison.tables import markdown
from benchmarks.studies.draws import (
    Draw,
    Row,
    Score,
    accuracy,
    add_rows,
    likelihood,
    of_labels,
    points,
    read_rows,
    significantly_below,
    softmax,
)
from radin.common.bars import Bars
from radin.common.progress import SILENT, Progress

SOUPS = (1, 4, 8)
ROWS = (200, 500, 1_000, 2_000)

#: Stands for half of a pool's samples.
HALF = 0

#: Prior of the accuracy that a nat of likelihood is worth, and its standard deviation. On the pools of
#: `docs/zoos.md` the ingredients' slopes lie between 0.1 and 0.6; chosen by hand.
SLOPE, SLOPE_ERROR = 0.3, 0.3

#: Newton's steps towards the best temperature, and the range of its inverse.
STEPS, LEAST, MOST = 4, 0.1, 10.0

COLUMNS = ("pool", "rows", "ranked by", "chosen by", "B", "replicates", "against the metric", "against greedy in full")
METRIC = ("metric", "metric")

#: Chooses by the tempered likelihood among those whose accuracy is within one standard error of the best.
ONE_SE = "one-se"


def tempered(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean log-likelihood after the one temperature that fits these samples best (arXiv 1706.04599).

    Newton's method in the inverse temperature β: the log-likelihood is concave in it, with slope E[z_y − E_p z] and
    curvature −E[Var_p z], p = softmax(βz).
    """
    inverse = np.ones((*logits.shape[:-2], 1, 1), dtype=np.float32)
    for _ in range(STEPS):
        p = softmax(inverse * logits)
        mean = (p * logits).sum(axis=-1)
        variance = (p * np.square(logits)).sum(axis=-1) - np.square(mean)
        slope = (of_labels(logits, labels) - mean).mean(axis=-1)
        step = slope / np.maximum(variance.mean(axis=-1), 1e-9)
        inverse = np.clip(inverse + step[..., None, None], inverse / 3, inverse * 3).clip(LEAST, MOST)
    return likelihood((inverse * logits).astype(np.float32), labels)


def brier(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The Brier score, negated: minus the mean squared distance of the probabilities from the label's own."""
    p = softmax(logits)
    return -(np.square(p).sum(axis=-1) - 2 * of_labels(p, labels) + 1).mean(axis=-1, dtype=np.float64)


def probability(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean probability of the label."""
    return of_labels(softmax(logits), labels).mean(axis=-1, dtype=np.float64)


def weighted(accuracy_weight: float, likelihood_weight: float) -> Score:
    """A sum of accuracy and log-likelihood in nats."""

    def score(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return accuracy_weight * accuracy(logits, labels) + likelihood_weight * likelihood(logits, labels)

    return score


def noise_weighted(draw: Draw) -> Score:
    """Accuracy, shrunk towards what the likelihood predicts of it, by the noise of a paired difference.

    Among the better half of the ingredients, accuracy = a + b · likelihood + misfit + noise. The slope b has the prior
    N(SLOPE, SLOPE_ERROR²), so that few ingredients do not fit noise. The noise of a paired difference is the share of
    samples on which two ingredients differ in being right, over the samples; the misfit is what the residuals have
    beyond it. The sum is κ · accuracy + (1 − κ) · b · likelihood with κ = misfit² / (misfit² + noise²).
    """
    likely, right = likelihood(draw.stack, draw.labels), draw.stack.argmax(axis=-1) == draw.labels
    better = likely.argsort()[-max(3, draw.n // 2) :]
    x, y = likely[better] - likely[better].mean(), right[better].mean(axis=1)
    y = y - y.mean()
    pairs = [(right[i] != right[j]).mean() for i in better for j in better if i < j]
    noise = float(np.mean(pairs)) / (2 * len(draw.labels)) + 1e-12  # of one ingredient, as a variance
    precision = np.square(x).sum() / noise
    slope = (x @ y / noise + SLOPE / SLOPE_ERROR**2) / (precision + 1 / SLOPE_ERROR**2)
    misfit = max(0.0, float(np.square(y - slope * x).sum()) / max(1, len(better) - 2) - noise)
    kept = misfit / (misfit + noise)
    return weighted(kept, (1 - kept) * slope)


#: The criteria by name, each made for one draw.
CRITERIA: dict[str, Callable[[Draw], Score]] = {
    "metric": lambda draw: accuracy,
    "likelihood": lambda draw: likelihood,
    "tempered": lambda draw: tempered,
    "Brier": lambda draw: brier,
    "probability": lambda draw: probability,
    "accuracy + 0.1 likelihood": lambda draw: weighted(1.0, 0.1),
    "accuracy + 0.3 likelihood": lambda draw: weighted(1.0, 0.3),
    "noise-weighted": noise_weighted,
}

#: Ranked by, chosen by.
PAIRS = (
    *((name, name) for name in CRITERIA),
    ("likelihood", "metric"),
    ("metric", "likelihood"),
    ("tempered", "metric"),
    ("tempered", ONE_SE),
)


def measure(draw: Draw, zoo: str, pairs: Sequence[tuple[str, str]], greedy: bool) -> Iterator[Row]:
    """A row for each pair of criteria and each B."""
    reference = draw.held_out(draw.greedy) if greedy else None
    best_single, orders = draw.held_out(draw.best_single), dict[str, list[np.ndarray]]()
    for ranked, chosen in pairs:
        if ranked not in orders:
            orders[ranked] = draw.candidates(CRITERIA[ranked](draw), top=max(SOUPS))
        score = CRITERIA["tempered" if chosen == ONE_SE else chosen](draw)
        for soups in SOUPS:
            winner = draw.chosen([*orders[ranked][:soups], *draw.singles()], score, chosen == ONE_SE)
            yield {
                "zoo": zoo,
                "store": draw.store.key,
                "replicate": draw.number,
                "rows": draw.rows,
                "ranked": ranked,
                "chosen": chosen,
                "soups": soups,
                "n": draw.n,
                "held_out": draw.held_out(winner),
                "size": int(winner.sum()),
                "greedy": reference,
                "best_single": best_single,
                "versions": versions(),
            }


def table(rows: Sequence[Row]) -> str:
    """Every pair of criteria on every pool, paired with the metric's."""
    by_metric = {_key(row): row["held_out"] for row in rows if (row["ranked"], row["chosen"]) == METRIC}
    groups: dict[tuple[str, int, str, str, int], list[Row]] = {}
    for row in rows:
        group = (row["zoo"], row["rows"], row["ranked"], row["chosen"], row["soups"])
        groups.setdefault(group, []).append(row)
    lines = []
    for (zoo, count, ranked, chosen, soups), group in sorted(groups.items()):
        paired = [row["held_out"] - by_metric[_key(row)] for row in group if _key(row) in by_metric]
        greedy = [row["held_out"] - row["greedy"] for row in group if row["greedy"] is not None]
        against = "0" if (ranked, chosen) == METRIC else points(paired)
        lines.append(
            [zoo, f"{count:,}", ranked, chosen, str(soups), str(len(group)), against, points(greedy)],
        )
    return markdown(COLUMNS, lines, texts=4)


def over_pools(rows: Sequence[Row]) -> str:
    """Every pair of criteria by number of rows, over pools: the pool is the unit. Last, half of a pool's samples."""
    by_metric = {_key(row): row["held_out"] for row in rows if (row["ranked"], row["chosen"]) == METRIC}
    groups: dict[tuple[int, str, str], dict[int, dict[str, list[float]]]] = {}
    for row in rows:
        if _key(row) in by_metric and (row["ranked"], row["chosen"]) != METRIC:
            by_rows = groups.setdefault((row["soups"], row["ranked"], row["chosen"]), {})
            count = row["rows"] if row["rows"] in ROWS else HALF
            by_rows.setdefault(count, {}).setdefault(row["zoo"], []).append(row["held_out"] - by_metric[_key(row)])
    counts = sorted({row["rows"] for row in rows if row["rows"] in ROWS})
    counts += [HALF] if any(row["rows"] not in ROWS for row in rows) else []
    lines = []
    for (soups, ranked, chosen), by_rows in sorted(groups.items()):
        cells = [points([float(np.mean(one)) for one in by_rows.get(count, {}).values()]) for count in counts]
        lines.append([ranked, chosen, str(soups), *cells])
    head = ("ranked by", "chosen by", "B", *(f"{count:,} rows" if count else "half" for count in counts))
    return markdown(head, lines, texts=2)


def decision(rows: Sequence[Row]) -> str:
    """Every pair of criteria against the metric, over everything: what the default is decided by.

    A cell is one pool, number of rows and B. *Worse* counts the cells that are significantly below the metric's, with
    Holm's correction over the cells of a pair.
    """
    by_metric = {_key(row): row["held_out"] for row in rows if (row["ranked"], row["chosen"]) == METRIC}
    pairs: dict[tuple[str, str], dict[tuple[str, int, int], list[float]]] = {}
    for row in rows:
        if _key(row) in by_metric and (row["ranked"], row["chosen"]) != METRIC:
            cells = pairs.setdefault((row["ranked"], row["chosen"]), {})
            cell = cells.setdefault((row["zoo"], row["rows"], row["soups"]), [])
            cell.append(row["held_out"] - by_metric[_key(row)])
    lines = []
    for pair, cells in pairs.items():
        pools = sorted({zoo for zoo, _, _ in cells})
        means = [float(np.mean([np.mean(one) for (at, _, _), one in cells.items() if at == zoo])) for zoo in pools]
        worst = min(zip(means, pools, strict=True))
        worse = sum(significantly_below(list(cells.values())))
        replicates = sum(len(one) for one in cells.values())
        about = f"{100 * worst[0]:+.2f} ({worst[1]})"
        lines.append([*pair, str(replicates), points(means), about, f"{worse} of {len(cells)}"])
    lines.sort(key=lambda line: float(line[3].split()[0]), reverse=True)
    head = ("ranked by", "chosen by", "comparisons", "mean over pools", "worst pool", "worse")
    return markdown(head, lines, texts=2)


def _key(row: Row) -> tuple[str, str, int, int, int]:
    return row["zoo"], row["store"], row["replicate"], row["rows"], row["soups"]


def run(
    store: Store,
    zoo: str,
    counts: Sequence[int],
    replicates: int,
    greedy: bool,
    file: Path,
    progress: Progress = SILENT,
    asked: Sequence[tuple[str, str]] = PAIRS,
) -> None:
    """Adds the rows of one pool that are not in the file; `0` selecting rows stand for half of the samples."""
    done = {(*_key(row)[:4], row["ranked"], row["chosen"]) for row in read_rows(file)}
    half = len(store.labels) // 2
    fitting = sorted({count or half for count in counts if count <= half})
    with progress.stage(f"{zoo}: replicates", replicates * len(fitting), "replicate") as advance:
        for number in range(replicates):
            for count in fitting:
                pairs = [pair for pair in asked if (zoo, store.key, number, count, *pair) not in done]
                if pairs:
                    add_rows(file, measure(Draw(store, number, count), zoo, pairs, greedy))
                advance(1)


def _pairs(names: Sequence[str] | None) -> list[tuple[str, str]]:
    """What ranks and what chooses by each of some criteria."""
    return [("tempered" if name == ONE_SE else name, name) for name in names or ()]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures what is missing and prints the tables; returns 1 if a pool failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.studies.criteria",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    say = parser.add_argument
    say("--zoo", nargs="+", default=["digits"], choices=zoos.names(), metavar="NAME", help="the pools (digits)")
    say("--rows", nargs="+", type=int, default=list(ROWS), metavar="M", help="selecting rows, 0 for half of all")
    say("--replicates", type=int, default=10, metavar="R", help="replicates of each (10)")
    names = [*CRITERIA, ONE_SE]
    say("--criterion", nargs="+", choices=names, help="only these, each ranking and choosing, beside the metric")
    say("--no-greedy", dest="greedy", action="store_false", help="leave out the greedy soup, which costs N − 1 soups")
    say("--out", type=Path, default=Path("results"), help="folder of the rows (results)")
    say("--quick", action="store_true", help="two replicates at 200 rows: shows that everything works")
    given = parser.parse_args(arguments)
    if given.quick:
        given.rows, given.replicates = [200], 2
    asked = [pair for pair in PAIRS if pair == METRIC or pair in only] if (only := _pairs(given.criterion)) else PAIRS
    file, failed = given.out / "criteria.jsonl", 0
    with Bars() as bars:
        for zoo in given.zoo:
            try:
                with Store(zoos.get(zoo), progress=bars) as store:
                    run(store, zoo, given.rows, given.replicates, given.greedy, file, bars, asked)
            except Exception as error:
                # Whatever is wrong with one pool, the others are not to blame.
                print(f"{zoo}: {described(error)}", file=sys.stderr)
                failed += 1
    rows = [row for row in read_rows(file) if row["zoo"] in given.zoo]
    print(table(rows), over_pools(rows), decision(rows), sep="\n")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
