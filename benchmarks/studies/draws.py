"""Replicates at a given number of selecting rows: what the studies of racing and of criteria are measured on.

A draw is a random sub-pool and a random order of all samples of a pool: the first ones select, all others tell the
truth. Candidates are the soups that stepwise selection looks at, scored on averaged logits; verified soups are real.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

import numpy as np
from scipy import special, stats

import radin
from benchmarks.comparison.store import Store
from benchmarks.comparison.trial import Replicate
from radin.evaluation.calibration import calibrated, gap_of
from radin.evaluation.gram import Gram, logit_gram
from radin.evaluation.settings import SHORTLIST
from radin.scoring.criterion import behind, criterion_of
from radin.scoring.logit_bank import LogitBank
from radin.tasks.split import sample_rows

Row = dict[str, Any]

#: `(logits[k, m, C], labels[m]) -> float64[k]`: what recipes are ranked and chosen by; higher is better.
Score = Callable[[np.ndarray, np.ndarray], np.ndarray]

#: Values of averaged logits held at once.
BLOCK = 1 << 24


@dataclass(frozen=True, eq=False)
class Draw:
    """One replicate of a pool.

    Attributes:
        store: the pool.
        number: draws sub-pool and samples; the samples of a smaller number of rows are no part of a larger one's.
        rows: samples that select.
        part: share of the pool that takes part.
    """

    store: Store
    number: int
    rows: int
    part: float = 0.75

    @cached_property
    def _merits(self) -> dict[tuple[bytes, Score], tuple[float, float]]:
        return {}

    @cached_property
    def members(self) -> list[int]:
        """The sub-pool, in pool order."""
        return Replicate(self.number, self.part).members(len(self.store.pool))

    @property
    def n(self) -> int:
        """Ingredients in the sub-pool."""
        return len(self.members)

    @cached_property
    def selecting(self) -> np.ndarray:
        """Samples that select, stratified by class."""
        return sample_rows(self.store.labels, self.rows, self.number)

    @cached_property
    def reporting(self) -> np.ndarray:
        """All other samples."""
        return np.setdiff1d(np.arange(len(self.store.labels)), self.selecting)

    @cached_property
    def labels(self) -> np.ndarray:
        """Those of the samples that select."""
        return self.store.labels[self.selecting]

    @cached_property
    def stack(self) -> np.ndarray:
        """Logits of the sub-pool on the samples that select, `float32[n, m, C]`."""
        return np.array([self.store.ingredient(i)[self.selecting] for i in self.members])

    def logits(self, mask: np.ndarray) -> np.ndarray:
        """Logits of the real soup of a subset of the sub-pool, on all samples; those of one member are its own."""
        members = np.array(self.members)[mask]
        if len(members) == 1:
            return self.store.ingredient(int(members[0]))
        return self.store.logits(radin.Recipe.subset(self.store.names, members))

    def held_out(self, mask: np.ndarray) -> float:
        """The metric's score of the real soup on the samples that did not select."""
        return self.store.metric.score(self.logits(mask)[self.reporting], self.store.labels[self.reporting])

    def chosen(self, masks: Iterable[np.ndarray], score: Score, one_se: bool = False) -> np.ndarray:
        """The best real soup on the samples that select; equal ones go by likelihood, then the first.

        Arguments:
            masks: the soups, and single ingredients.
            score: what is best.
            one_se: only among those whose metric is within one standard error of the best, as `radin.make_soup` does
                by the criterion of this name.
        """

        def merit(mask: np.ndarray) -> tuple[float, float]:
            key = mask.tobytes(), score
            if key not in self._merits:
                alone = mask.sum() == 1
                logits = self.stack[mask] if alone else self.logits(mask)[self.selecting][None]
                self._merits[key] = float(score(logits, self.labels)[0]), float(likelihood(logits, self.labels)[0])
            return self._merits[key]

        rivals = list(masks)
        return max(self._not_behind(rivals) if one_se else rivals, key=merit)

    def _not_behind(self, masks: Sequence[np.ndarray]) -> list[np.ndarray]:
        def statistics(i: int) -> Any:
            alone = masks[i].sum() == 1
            logits = self.stack[masks[i]][0] if alone else self.logits(masks[i])[self.selecting]
            return self.store.metric.measure(logits, self.labels)

        scores = [self.store.metric.score_of(statistics(i), self.labels) for i in range(len(masks))]
        beaten = behind(self.store.metric, scores, statistics, self.labels)
        return [mask for mask, lost in zip(masks, beaten, strict=True) if not lost]

    def singles(self, among: np.ndarray | None = None) -> list[np.ndarray]:
        """Every ingredient of the sub-pool by itself, or those among some."""
        kept = np.arange(self.n) if among is None else among
        return [np.arange(self.n) == i for i in kept]

    def candidates(self, score: Score, among: np.ndarray | None = None, top: int = 100) -> list[np.ndarray]:
        """Subsets that stepwise selection on averaged logits looks at, best first; by default of all ingredients."""
        kept = np.arange(self.n) if among is None else np.asarray(among)
        if len(kept) < 2:
            return []
        found = radin.search(
            "forward", Averaged(self.stack[kept], self.labels, score), radin.Budget(candidates=20_000), top=top
        )
        masks = np.zeros((len(found), self.n), dtype=bool)
        for mask, one in zip(masks, found, strict=True):
            mask[kept[list(one.recipe.members)]] = True
        return list(masks)

    def calibrated(self, criterion: str, among: np.ndarray | None = None, soups: int = 4) -> list[np.ndarray]:
        """Soups in the order in which `radin.make_soup` verifies them: each chosen by what the earlier ones taught.

        Arguments:
            criterion: the name of what ranks, see `radin.scoring.criterion`.
            among: the ingredients that take part, all by default.
            soups: the most soups.
        """
        kept = np.arange(self.n) if among is None else np.asarray(among)
        if len(kept) < 2:
            return []
        names = tuple(self.store.names[self.members[i]] for i in kept)
        bank = LogitBank(names, list(self.stack[kept]), self.labels)
        surrogate = radin.Surrogate(bank, criterion_of(criterion, self.store.metric))
        found = radin.search("forward", surrogate, radin.Budget(candidates=20_000), top=SHORTLIST)
        whole = np.array(self.members)[kept]
        grams = Gram(names, self.store.weight_gram.matrix[np.ix_(whole, whole)]), logit_gram(bank)

        def mask_of(row: np.ndarray) -> np.ndarray:
            mask = np.zeros(self.n, dtype=bool)
            mask[kept] = row > 0
            return mask

        def dispersions(rows: Any) -> np.ndarray:
            return np.stack([gram.dispersion(rows) for gram in grams], axis=1)

        def logits(recipe: radin.Recipe) -> np.ndarray:
            return self.logits(mask_of(recipe.row))[self.selecting]

        order = calibrated(found, dispersions, gap_of(surrogate, logits))
        taken = radin.search(order, Unscored(names), radin.Budget(soups=soups), top=soups)
        return [mask_of(one.recipe.row) for one in sorted(taken, key=attrgetter("number"))]

    @cached_property
    def greedy(self) -> np.ndarray:
        """The greedy soup in full, on real soups (Wortsman et al. 2022, arXiv 2203.05482)."""
        scores = accuracy(self.stack, self.labels)
        order = np.argsort(-scores, kind="stable")
        kept, best = np.arange(self.n) == order[0], scores[order[0]]
        for i in order[1:]:
            trial = kept | (np.arange(self.n) == i)
            if (reached := accuracy(self.logits(trial)[self.selecting][None], self.labels)[0]) > best:
                kept, best = trial, reached
        return kept

    @cached_property
    def best_single(self) -> np.ndarray:
        """The best ingredient on the samples that select."""
        return self.chosen(self.singles(), accuracy)


class Unscored:
    """Real soups that a searcher proposes by itself, whatever their scores."""

    unit: Literal["soup"] = "soup"

    def __init__(self, names: Sequence[str]) -> None:
        self.names, self.solo = tuple(names), np.zeros(len(names))

    def __call__(self, weights: Any, /) -> np.ndarray:
        """No scores."""
        return np.zeros(len(weights))


class Averaged:
    """Averaged logits under a criterion, as an objective that searchers play on.

    Arguments:
        stack: logits `[n, m, C]`.
        labels: `int64[m]`.
        score: the criterion.
    """

    unit: Literal["candidate"] = "candidate"

    def __init__(self, stack: np.ndarray, labels: np.ndarray, score: Score) -> None:
        self.names = tuple(str(i) for i in range(len(stack)))
        self.flat, self.shape = stack.reshape(len(stack), -1), stack.shape[1:]
        self.labels, self.score = labels, score
        self.solo = np.asarray(score(stack, labels), dtype=np.float64)

    def __call__(self, weights: Any, /) -> np.ndarray:
        """Scores of `k` recipes, masks or weights."""
        return self._over(weights, self.score)

    def tie_break(self, weights: Any, /) -> np.ndarray:
        """Negative log-likelihood, which orders recipes of equal score."""
        return -self._over(weights, likelihood)

    def _over(self, weights: Any, score: Score) -> np.ndarray:
        rows = np.asarray(weights, dtype=np.float32)
        rows = rows / rows.sum(axis=1, keepdims=True)
        step = max(1, BLOCK // self.flat.shape[1])
        parts = [
            score((rows[k : k + step] @ self.flat).reshape(-1, *self.shape), self.labels)
            for k in range(0, len(rows), step)
        ]
        return np.concatenate(parts).astype(np.float64)


def accuracy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The share of samples whose label has the largest logit; equal logits go to the lower class."""
    return (logits.argmax(axis=-1) == labels).mean(axis=-1)


def likelihood(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Mean log-likelihood of the labels under softmax."""
    return (of_labels(logits, labels) - logsumexp(logits)).mean(axis=-1, dtype=np.float64)


def of_labels(values: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Of each sample, the value of its own class: `[k, m]` of `[k, m, C]`."""
    return values[..., np.arange(len(labels)), labels]


def logsumexp(logits: np.ndarray) -> np.ndarray:
    """Logarithm of the sum of exponentials over classes, in the logits' own precision."""
    top = logits.max(axis=-1)
    return top + np.log(np.exp(logits - top[..., None]).sum(axis=-1))


def softmax(logits: np.ndarray) -> np.ndarray:
    """Probabilities, in the logits' own precision."""
    return np.asarray(special.softmax(logits, axis=-1))


def interval(differences: Sequence[float]) -> tuple[float, float]:
    """Mean and half of the 95 % interval of paired differences, by Student's t over replicates."""
    values = np.asarray(differences, dtype=np.float64)
    if len(values) < 2:
        return float(values.mean()), float("nan")
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values))
    return float(values.mean()), float(half)


def least_values(groups: Sequence[Sequence[float]], margin: float = 0.0, level: float = 0.05) -> list[float]:
    """Of several groups of paired differences, one-sided lower bounds of their means that all hold together.

    Holm's correction: the group that is most surely above `−margin` is tested at `level` over the number of groups, the
    next one at `level` over one less, and so on. NaN for groups of fewer than two.

    Arguments:
        groups: the differences, one group a pool or a cell.
        margin: what a mean may be below 0.
        level: of error, over all groups together.
    """
    found, tested = [math.nan] * len(groups), []
    for i, group in enumerate(groups):
        if len(group) > 1:
            error = max(float(np.std(group, ddof=1)) / math.sqrt(len(group)), 1e-12)
            chance = float(stats.t.sf((np.mean(group) + margin) / error, len(group) - 1))
            tested.append((chance, i, error))
    for place, (_, i, error) in enumerate(sorted(tested)):
        quantile = stats.t.ppf(1 - level / (len(tested) - place), len(groups[i]) - 1)
        found[i] = float(np.mean(groups[i]) - quantile * error)
    return found


def significantly_below(groups: Sequence[Sequence[float]], level: float = 0.05) -> list[bool]:
    """Whether the mean of each group is below 0, by one-sided tests with Holm's correction over the groups."""
    negated = [[-value for value in group] for group in groups]
    chances = [
        float(stats.ttest_1samp(group, 0.0, alternative="greater").pvalue) if np.ptp(group) > 0 else 1.0
        for group in negated
        if len(group) > 1
    ]
    order, rejected = np.argsort(chances), np.zeros(len(chances), dtype=bool)
    for place, i in enumerate(order):
        if chances[i] > level / (len(chances) - place):
            break
        rejected[i] = True
    answers = iter(rejected.tolist())
    return [next(answers) if len(group) > 1 else False for group in groups]


def points(differences: Sequence[float]) -> str:
    """Mean and half interval in percentage points, for a table."""
    if not len(differences):
        return "–"
    mean, half = interval(differences)
    return in_points(100 * mean, 100 * half)


def in_points(mean: float, half: float) -> str:
    """A mean with half of its interval, which one difference alone does not have."""
    return f"{mean:+.2f}" if math.isnan(half) else f"{mean:+.2f} ± {half:.2f}"


def read_rows(path: Path) -> list[Row]:
    """The rows of a file of JSON lines; none if it is not there."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def add_rows(path: Path, rows: Iterable[Row]) -> None:
    """Appends rows to a file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
