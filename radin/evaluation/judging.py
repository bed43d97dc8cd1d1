"""The judgement of a race: which ingredients can still matter, by their outputs on the rows seen.

A pure function of these outputs, the labels, the settings and a seed. See `radin.evaluation.racing`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64, Shaped

from radin.errors import InputError
from radin.evaluation.race_rows import Given, SeenRows
from radin.evaluation.race_settings import RaceSettings
from radin.scoring.kinds import CLASSES, Kind, Values
from radin.scoring.likelihood import losses
from radin.scoring.metrics import Metric, NegativeLogLikelihood, RightSamplesMetric

#: Outputs of one ingredient on some rows, `[m, C]`.
Outputs = Shaped[np.ndarray, "m c"]
Labels = Shaped[np.ndarray, "m ..."]

#: Outputs of several ingredients or soups on the same rows, `[k, m, C]`.
Stack = Shaped[np.ndarray, "k m c"]

#: `(outputs[k, m, C], labels[m]) -> float64[k, m]`: one number a row, higher is better; a score is their mean.
Measure = Callable[[Stack, Labels], np.ndarray]

#: Seeds halves apart from everything else that is drawn from the same split seed.
_HALVES = 12


@dataclass(frozen=True)
class Standing:
    """The state of one ingredient after one stage.

    Attributes:
        ingredient: its index in the pool.
        rows: samples seen.
        score: its mean likelihood (or other smooth value) on them.
        behind: the best ingredient's score minus this one's, ≥ 0.
        error: paired standard error of that difference, from sums over groups.
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


def race_measures(metric: Metric, outputs: Outputs, labels: Labels, kind: Kind = CLASSES) -> tuple[Measure, ...]:
    """The measures of a race for a metric, the smoothest first; empty where the metric allows no race.

    Metrics of radin's own race by the smooth loss of the kind of outputs, such as the likelihood of the labels, which
    sees more in few rows than right or wrong, and by their own values per row where they have any: macro-F1 has none.
    Any other metric races by its values per row alone, since its relation to that loss is not known; one without them
    does not race. Nor does a metric on rows on which it is undefined, as an area under the ROC curve is without
    positives, or on which a function of one's own raises: whoever is dropped has a value on the rows seen.

    Arguments:
        metric: of the run.
        outputs: of one ingredient, on which a metric shows whether it has values per row, and is defined.
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
    if not _is_defined(metric, outputs, labels):
        return ()
    own: tuple[Measure, ...] = () if metric.per_sample(outputs, labels) is None else (own_values,)
    return (smooth, *own) if metric.follows_loss else own


def judged_by(metric: Metric, kind: Kind = CLASSES) -> str:
    """The name of the first of the measures of a race.

    Arguments:
        metric: of the run.
        kind: of the outputs.
    """
    if not metric.follows_loss:
        return metric.name
    return "squared error" if isinstance(kind, Values) else "log-likelihood"


def _is_defined(metric: Metric, outputs: Outputs, labels: Labels) -> bool:
    statistics = metric.measure(outputs, labels)
    try:
        metric.value_of(statistics, labels)
    except InputError:
        return False
    return True


def log_likelihoods(stack: Stack, labels: Labels) -> Float64[np.ndarray, "k m"]:
    """Log-likelihood of each label under softmax."""
    k, m, classes = stack.shape
    return -losses(stack.reshape(-1, classes), np.tile(labels, k)).reshape(k, m)


def standings(
    ingredients: Int64[np.ndarray, " k"],
    outputs: Sequence[Given],
    seen: SeenRows,
    samples: int,
    measures: Sequence[Measure],
    settings: RaceSettings,
    seed: int,
) -> tuple[Standing, ...]:
    """Judges the ingredients on the rows seen.

    Arguments:
        ingredients: indices in the pool.
        outputs: theirs on the samples seen.
        seen: the rows of these samples.
        samples: how many these are.
        measures: the smoothest first; that one decides who is near the best.
        settings: the rule.
        seed: draws the halves.
    """
    values = np.concatenate([measures[0](seen.outputs(one)[None], seen.labels) for one in outputs])
    scores = values.mean(axis=1)
    differences = values[scores.argmax()] - values
    behind, errors = differences.mean(axis=1), seen.standard_errors(differences)
    chosen, selections = np.zeros(len(outputs), dtype=np.int64), 0
    for rows in random_halves(len(seen), settings, seed, seen.groups):
        stack = np.stack(seen.kind.alike([seen.outputs(one, rows) for one in outputs]))
        for measure in measures:
            chosen += stepwise(stack, seen.labels[rows], measure, measures[0])
            selections += 1
    stays = (chosen >= settings.votes) | (behind <= settings.z * errors)
    columns = zip(ingredients, scores, behind, errors, chosen, stays, strict=True)
    return tuple(
        Standing(int(i), samples, float(score), float(gap), float(error), int(times), selections, bool(stay))
        for i, score, gap, error, times, stay in columns
    )


def random_halves(
    rows: int, settings: RaceSettings, seed: int, groups: Int64[np.ndarray, " r"] | None = None
) -> list[Int64[np.ndarray, " h"]]:
    """Random halves of the rows seen, two and two complements of each other, so that every row counts alike.

    Arguments:
        rows: how many there are.
        settings: how many halves, and how large they are.
        seed: draws them.
        groups: the group of each row, numbered from 0 on; halves then hold whole groups. None where each row is one.
    """
    n_groups = rows if groups is None else int(groups.max(initial=-1)) + 1
    halves = list[Int64[np.ndarray, " h"]]()
    for number in range(math.ceil(settings.halves / 2)):
        order = np.random.default_rng((seed, _HALVES, n_groups, number)).permutation(n_groups)
        for half in np.array_split(order, 2):
            if groups is None:
                halves.append(np.sort(half[: settings.rows_per_half]))
            else:
                halves.append(_rows_of(half, groups, settings))
    return halves[: settings.halves]


def _rows_of(
    half: Int64[np.ndarray, " h"], groups: Int64[np.ndarray, " r"], settings: RaceSettings
) -> Int64[np.ndarray, " k"]:
    """The rows of a half of the groups, ascending: of as many as fit, or evenly thinned ones of a few large groups."""
    sizes = np.bincount(groups)[half].cumsum()
    fitting = int(np.searchsorted(sizes, settings.rows_per_half, side="right"))
    rows = np.flatnonzero(np.isin(groups, half[: max(fitting, settings.first_groups)]))
    return rows[:: math.ceil(len(rows) / settings.rows_per_half)]


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
