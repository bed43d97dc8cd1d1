"""The criterion: by what candidates are ranked, and by what the winner is chosen among verified soups.

A metric such as accuracy is what a user wants to know, but it sees of each sample only whether it is right, so few
samples choose by luck. The likelihood of the labels sees by how much. A criterion is itself a metric, the *smooth
relative* of the one that is reported; surrogate, calibration, standard errors and λ then count in its unit.

The likelihood decides where the metric cannot. With many samples the metric can, so `one-se` lets the likelihood choose
only among those whose metric is within one standard error of the best: the one-standard-error rule (Breiman, Friedman,
Olshen and Stone 1984, *Classification and Regression Trees*, section 3.4.3), with the error of the paired difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Bool

from radin.common.suggestions import did_you_mean
from radin.errors import InputError
from radin.scoring.criterion_default import CRITERIA
from radin.scoring.kinds import CLASSES, Classes, Kind
from radin.scoring.metrics import (
    Labels,
    Metric,
    NegativeLogLikelihood,
    PredictionMetric,
    RightSamplesMetric,
    TemperedLikelihood,
)
from radin.scoring.significance import Groups, Paired


def check_criterion(name: object) -> str:
    """The name of a criterion.

    Raises:
        InputError: there is none of this name; the message says which are near.
    """
    if not isinstance(name, str) or name not in CRITERIA:
        raise InputError(
            f"unknown criterion {name!r}{did_you_mean(str(name), CRITERIA)}; known are {', '.join(CRITERIA)}"
        )
    return name


def criterion_of(name: str, metric: Metric, kind: Kind = CLASSES) -> Metric:
    """The metric that ranks and chooses where another one is reported.

    Metrics of right samples and of predictions, such as accuracy, top-k, balanced accuracy and macro-F1, have the
    likelihood of the labels as smooth relative. How other metrics relate to it is not known, and a loss is smooth
    itself, so these are their own criterion.

    Arguments:
        name: `metric` for the metric itself, `likelihood` for the mean log-likelihood of the labels, or `tempered` for
            the same after one temperature is fitted to each candidate, see `TemperedLikelihood`. `one-se` ranks by
            `tempered`, and restricts the final choice, see `behind`.
        metric: of the run.
        kind: of its outputs. Only classes have the likelihoods that are compared in `docs/results.md`.

    Raises:
        InputError: no criterion of this name.
    """
    if check_criterion(name) == "metric" or type(kind) is not Classes or not has_relative(metric):
        return metric
    return NegativeLogLikelihood() if name == "likelihood" else TemperedLikelihood()


def criterion_name(criterion: Metric, metric: Metric) -> str:
    """The name in `CRITERIA` of what `criterion_of` gave for a metric."""
    if not has_relative(metric):
        return "metric"
    if isinstance(criterion, TemperedLikelihood):
        return "tempered"
    return "likelihood" if isinstance(criterion, NegativeLogLikelihood) else "metric"


def chosen_name(name: str, metric: Metric, kind: Kind = CLASSES) -> str:
    """The name in `CRITERIA` of what really chooses where a criterion was asked for: `metric` where it has no other.

    Arguments:
        name: of the criterion.
        metric: of the run.
        kind: of its outputs.

    Raises:
        InputError: no criterion of this name.
    """
    return "metric" if criterion_of(name, metric, kind) is metric else name


def behind(
    metric: Metric,
    scores: Sequence[float],
    statistics: Callable[[int], Any],
    labels: Labels,
    groups: Groups = None,
) -> Bool[np.ndarray, " k"]:
    """Which of some networks `one-se` lets not win: their metric is below the best one's by more than its noise.

    Arguments:
        metric: that is reported.
        scores: of the networks by it, higher is better, on the same rows; at least one.
        statistics: gives the per-row statistics of network `i`, as `Metric.measure` does.
        labels: of the rows.
        groups: the number of each row's group, or None.

    Returns:
        True where the best score is more than one paired standard error higher, see `Paired`. The first of
        equally good ones is the best.
    """
    best = int(np.argmax(scores))
    with_best = Paired(metric, statistics(best), labels, groups=groups)
    beaten = np.zeros(len(scores), dtype=bool)
    for i, score in enumerate(scores):
        if score < scores[best]:
            beaten[i] = scores[best] - score > with_best.error(statistics(i))
    return beaten


def has_relative(metric: Metric) -> bool:
    """Whether the likelihood of the labels is the smooth relative of a metric."""
    return isinstance(metric, RightSamplesMetric | PredictionMetric)
