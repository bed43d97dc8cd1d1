"""The race: drops ingredients that can no longer matter after a part of the selecting rows.

A pass of one ingredient over all selecting rows is what collecting costs, N times. Most ingredients show after a few
hundred rows that no good soup holds them. So the rows are run in stages over one fixed order, and after each stage but
the last an ingredient stays if one of these is true:

- its mean log-likelihood is within `z` paired standard errors of the best one's: it may still be the best ingredient;
- stepwise selection, by likelihood or by the metric, takes it on one of several random halves of the rows seen: a soup
  may still need it, however poor it is by itself. Chance alone decides between ingredients of equal worth, and halves
  show by how much.

All decisions are a pure function of the outputs on the rows seen, the labels, the settings and a seed. Nothing here
runs a network or writes a file: `race` asks its caller for the outputs of those that are still in it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from radin.errors import InputError
from radin.scoring.kinds import CLASSES, Kind
from radin.scoring.likelihood import losses
from radin.scoring.metrics import Metric, NegativeLogLikelihood, RightSamplesMetric

#: Outputs of one ingredient on some rows, `[m, C]`.
Outputs = Shaped[np.ndarray, "m c"]
Labels = Shaped[np.ndarray, "m ..."]

#: Outputs of several ingredients or soups on the same rows, `[k, m, C]`.
Stack = Shaped[np.ndarray, "k m c"]

#: `(outputs[k, m, C], labels[m]) -> float64[k, m]`: one number a row, higher is better; a score is their mean.
Measure = Callable[[Stack, Labels], np.ndarray]

#: Outputs of some ingredients on the first rows of the order: `(ingredients[k], rows[m]) -> k arrays [m, C]`.
Run = Callable[[Int64[np.ndarray, " k"], Int64[np.ndarray, " m"]], Sequence[Outputs]]

#: Seeds halves and order apart from everything else that is drawn from the same split seed.
_ORDER, _HALVES = 11, 12


@dataclass(frozen=True)
class RaceSettings:
    """The rule by which ingredients are dropped.

    With the defaults, 2 000 selecting rows and B = 4, first replicates of `benchmarks.studies.racing` took 1.00 of the
    N passes on the pool *equal*, 0.70 on *sections*, 0.55 on *trajectory* and 0.35 on *hundred*. With z = 0 they took
    0.70, 0.48, 0.49 and 0.24. No difference in held-out score from all passes was larger than its interval.

    Arguments:
        stages: shares of the selecting rows after which the race is judged, ascending, in (0, 1). The last stage, all
            rows, is implied.
        first_rows: rows of the first stage at least; with fewer, chance drops ingredients that matter.
        z: an ingredient whose mean likelihood is within this many paired standard errors of the best one's stays. 0
            leaves all but the best one to the halves.
        halves: random halves of the rows seen on which stepwise selection is repeated.
        votes: selections that have to take an ingredient for it to stay. Where all are about equal, chance takes each
            of them on some half, and more votes drop more.
        rows_per_half: rows of a half at most, so that judging costs little beside the passes. A smaller half is
            noisier, so it keeps more ingredients, not fewer.
        smallest_pool: pools of fewer ingredients run in full; there is little to save. Chosen by hand.

    Raises:
        InputError: a setting out of its range.
    """

    stages: tuple[float, ...] = (0.05, 0.2)
    first_rows: int = 200
    z: float = 3.0
    halves: int = 8
    votes: int = 1
    rows_per_half: int = 2_000
    smallest_pool: int = 4

    def __post_init__(self) -> None:
        if not all(0 < share < 1 for share in self.stages) or list(self.stages) != sorted(set(self.stages)):
            raise InputError(f"expected ascending stages between 0 and 1, got {self.stages}")
        if not self.z >= 0:
            raise InputError(f"expected z of at least 0, got {self.z}")
        if self.votes < 1:
            raise InputError(f"expected votes of at least 1, got {self.votes}")
        if self.halves < 0 or self.first_rows < 2 or self.rows_per_half < 2 or self.smallest_pool < 1:
            raise InputError(
                "expected halves of at least 0, first_rows and rows_per_half of at least 2 and smallest_pool of at "
                f"least 1, got {self.halves}, {self.first_rows}, {self.rows_per_half} and {self.smallest_pool}"
            )

    def ends(self, n: int, rows: int) -> tuple[int, ...]:
        """Numbers of rows after which each stage ends, ascending; the last is all rows.

        A stage that would not be larger than the one before is skipped. One stage alone is no race.

        Arguments:
            n: ingredients.
            rows: selecting rows.
        """
        if n < self.smallest_pool:
            return (rows,)
        ends = {min(rows, max(self.first_rows, math.ceil(share * rows))) for share in self.stages}
        return tuple(sorted(ends | {rows}))

    def passes(self, n: int, rows: int) -> tuple[float, float]:
        """Least and most passes that collecting `n` ingredients may take; one pass is all selecting rows of one."""
        first = self.ends(n, rows)[0] / rows
        return n * first + 1 - first, float(n)


@dataclass(frozen=True)
class Standing:
    """The state of one ingredient after one stage.

    Attributes:
        ingredient: its index in the pool.
        rows: rows seen.
        score: its mean likelihood (or other smooth value) on them.
        behind: the best ingredient's score minus this one's, ≥ 0.
        error: paired standard error of that difference.
        chosen: stepwise selections that took it.
        selections: stepwise selections in all: one for each half and measure.
        stays: whether it goes on.
    """

    ingredient: int
    rows: int
    score: float
    behind: float
    error: float
    chosen: int
    selections: int
    stays: bool


@dataclass(frozen=True)
class RaceResult:
    """The course of a race.

    Attributes:
        order: all selecting rows, in the order in which they were run.
        stages: standings after each stage but the last, those of the ingredients that ran in it.
        survivors: the ingredients that ran on all rows, ascending.
        rows: the number of rows that each ingredient ran on, `int64[n]`.
    """

    order: Int64[np.ndarray, " m"]
    stages: tuple[tuple[Standing, ...], ...]
    survivors: Int64[np.ndarray, " s"]
    rows: Int64[np.ndarray, " n"]

    @property
    def passes(self) -> float:
        """The bill in passes: rows that were run over the selecting rows."""
        return float(self.rows.sum()) / len(self.order)

    @property
    def dropped(self) -> tuple[Standing, ...]:
        """The last standings of those that were dropped, in the order of stages."""
        return tuple(one for stage in self.stages for one in stage if not one.stays)


def race_measures(metric: Metric, outputs: Outputs, labels: Labels, kind: Kind = CLASSES) -> tuple[Measure, ...]:
    """The measures of a race for a metric, the smoothest first; empty where the metric allows no race.

    Metrics of radin's own race by the smooth loss of the kind of outputs, such as the likelihood of the labels, which
    sees more in few rows than right or wrong, and by their own values per row where they have any: macro-F1 has none.
    Any other metric races by its values per row alone, since its relation to that loss is not known; one without them
    does not race.

    Arguments:
        metric: of the run.
        outputs: of one ingredient, on which a metric shows whether it has values per row.
        labels: of these rows.
        kind: of the outputs.
    """

    def likelihoods(stack: Stack, labels: Labels) -> Float64[np.ndarray, "k m"]:
        return -np.array([kind.losses(one, labels) for one in stack])

    def own_values(stack: Stack, labels: Labels) -> Float64[np.ndarray, "k m"]:
        parts = [stack.reshape(-1, stack.shape[2])] if isinstance(metric, RightSamplesMetric) else list(stack)
        repeated = [np.concatenate([labels] * (len(part) // len(labels))) for part in parts]
        values = [metric.per_sample(part, own) for part, own in zip(parts, repeated, strict=True)]
        if any(one is None for one in values):
            raise InputError(f"metric {metric.name!r} gave values per row before, and a single number now")
        scores = np.array(values, dtype=np.float64).reshape(stack.shape[:2])
        return scores if metric.higher_is_better else -scores

    smooth = log_likelihoods if kind.metrics == CLASSES.metrics else likelihoods
    if isinstance(metric, NegativeLogLikelihood):
        return (smooth,)
    own: tuple[Measure, ...] = () if metric.per_sample(outputs, labels) is None else (own_values,)
    return (smooth, *own) if metric.follows_loss else own


def log_likelihoods(stack: Stack, labels: Labels) -> Float64[np.ndarray, "k m"]:
    """Log-likelihood of each label under softmax."""
    k, m, classes = stack.shape
    return -losses(stack.reshape(-1, classes), np.tile(labels, k)).reshape(k, m)


def race_order(labels: Labels, seed: int) -> Int64[np.ndarray, " m"]:
    """A random order of the rows in which every beginning is stratified by class: each has nearly its share of it.

    The rows of a class lie at random, evenly spaced places.

    Arguments:
        labels: the rows' classes, `int64[m]`.
        seed: the split seed; equal seeds give equal orders.
    """
    rng = np.random.default_rng((seed, _ORDER))
    places = np.empty(len(labels))
    for one in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == one))
        places[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(places, kind="stable")


def race(
    n: int,
    labels: Labels,
    metric: Metric,
    run: Run,
    settings: RaceSettings,
    seed: int,
    *,
    kind: Kind = CLASSES,
    strata: Int64[np.ndarray, " m"] | None = None,
) -> RaceResult:
    """Runs ingredients over the selecting rows in stages and drops those that can no longer matter.

    Arguments:
        n: ingredients.
        labels: of the selecting rows, `int64[m]`.
        metric: of the run; where it allows no race, see `race_measures`, all ingredients run in full.
        run: gives outputs of the ingredients that are still in the race, on the rows of the order that are named.
            It is asked for longer and longer beginnings of one order, and runs what it has not stored. The survivors
            are asked for all rows.
        settings: the rule.
        seed: the split seed; draws order and halves.
        kind: of the outputs.
        strata: of the rows, of which every beginning has its share; by default the labels, as classes.

    Raises:
        InputError: no ingredients or no rows.
    """
    if n < 1 or not len(labels):
        raise InputError(f"expected at least 1 ingredient and 1 selecting row, got {n} and {len(labels)}")
    order, alive = race_order(labels if strata is None else strata, seed), np.arange(n)
    counts, stages = np.zeros(n, dtype=np.int64), list[tuple[Standing, ...]]()
    for end in settings.ends(n, len(labels)):
        rows = order[:end]
        outputs = run(alive, rows)
        counts[alive] = end
        if end < len(labels) and (measures := race_measures(metric, outputs[0], labels[rows], kind)):
            stages.append(standings(alive, outputs, labels[rows], measures, settings, seed))
            alive = np.array([one.ingredient for one in stages[-1] if one.stays])
    return RaceResult(order, tuple(stages), alive, counts)


def standings(
    ingredients: Int64[np.ndarray, " k"],
    outputs: Sequence[Outputs],
    labels: Labels,
    measures: Sequence[Measure],
    settings: RaceSettings,
    seed: int,
) -> tuple[Standing, ...]:
    """Judges the ingredients on the rows seen.

    Arguments:
        ingredients: indices in the pool.
        outputs: theirs on the rows seen.
        labels: of these rows.
        measures: the smoothest first; that one decides who is near the best.
        settings: the rule.
        seed: draws the halves.
    """
    values = np.concatenate([measures[0](np.asarray(one)[None], labels) for one in outputs])
    scores = values.mean(axis=1)
    differences = values[scores.argmax()] - values
    behind = differences.mean(axis=1)
    errors = differences.std(axis=1, ddof=1) / math.sqrt(len(labels))
    chosen, selections = np.zeros(len(outputs), dtype=np.int64), 0
    for rows in random_halves(len(labels), settings, seed):
        stack = np.array([one[rows] for one in outputs])
        for measure in measures:
            chosen += stepwise(stack, labels[rows], measure, measures[0])
            selections += 1
    stays = (chosen >= settings.votes) | (behind <= settings.z * errors)
    columns = zip(ingredients, scores, behind, errors, chosen, stays, strict=True)
    return tuple(
        Standing(int(i), len(labels), float(score), float(gap), float(error), int(times), selections, bool(stay))
        for i, score, gap, error, times, stay in columns
    )


def random_halves(rows: int, settings: RaceSettings, seed: int) -> list[Int64[np.ndarray, " h"]]:
    """Random halves of the rows seen, two and two complements of each other, so that every row counts alike."""
    halves = list[Int64[np.ndarray, " h"]]()
    for number in range(math.ceil(settings.halves / 2)):
        order = np.random.default_rng((seed, _HALVES, rows, number)).permutation(rows)
        halves += [np.sort(half[: settings.rows_per_half]) for half in np.array_split(order, 2)]
    return halves[: settings.halves]


def stepwise(outputs: Stack, labels: Labels, measure: Measure, relative: Measure) -> Bool[np.ndarray, " n"]:
    """Stepwise selection on averaged outputs, as the searcher `forward`: which ingredients its soup holds.

    It begins with the best ingredient, adds the one that helps most, takes members out for as long as that helps, and
    stops at a soup, of two or more, that no addition improves. Equal scores are decided by the relative; ingredients
    that are equal in both are taken together.

    Arguments:
        outputs: of `n` ingredients.
        labels: of the rows.
        measure: decides.
        relative: a smooth measure that decides between equals.
    """

    def leaders(candidates: Stack) -> tuple[Int64[np.ndarray, " t"], float]:
        scores = measure(candidates, labels).mean(axis=1)
        equal = np.flatnonzero(scores == scores.max())
        if len(equal) > 1 and relative is not measure:
            finer = relative(candidates[equal], labels).mean(axis=1)
            equal = equal[finer == finer.max()]
        return equal, float(scores[equal[0]])

    first, _ = leaders(outputs)
    alike = {int(first[0]): first}  # members, each with those that would have served as well
    score = -math.inf
    while len(alike) < len(outputs):
        others, total = np.setdiff1d(np.arange(len(outputs)), list(alike)), outputs[list(alike)].sum(axis=0)
        best, reached = leaders((total + outputs[others]) / np.float32(len(alike) + 1))
        if reached <= score:
            break
        alike[int(others[best[0]])], score = others[best], reached
        while len(alike) > 2:
            members, total = np.array(list(alike)), outputs[list(alike)].sum(axis=0)
            best, reached = leaders((total - outputs[members]) / np.float32(len(alike) - 1))
            if reached <= score:
                break
            del alike[int(members[best[0]])]
            score = reached
    taken = np.zeros(len(outputs), dtype=bool)
    taken[np.concatenate(list(alike.values()))] = True
    return taken
