"""Metrics by name."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from radin.common.suggestions import did_you_mean
from radin.errors import InputError
from radin.scoring.metrics.base import Metric
from radin.scoring.metrics.classification import Accuracy, BalancedAccuracy, MacroF1, NegativeLogLikelihood, TopK
from radin.scoring.metrics.function import FunctionMetric

#: The metrics that have a name; `top5` stands for all k.
METRICS: dict[str, Metric] = {
    metric.name: metric for metric in (Accuracy(), TopK(5), BalancedAccuracy(), MacroF1(), NegativeLogLikelihood())
}


def get_metric(metric: str | Metric | Callable[..., Any]) -> Metric:
    """The metric of this name, or the metric that a callable is.

    Arguments:
        metric: `accuracy`, `top5` (or `top` with any other k), `balanced-accuracy`, `macro-f1`, `nll`; or a callable
            `(logits[m, c], labels[m]) -> m numbers or one number` over numpy arrays, higher is better; or a `Metric`.

    Raises:
        InputError: no metric has exactly this name; the message says which are near.
    """
    if isinstance(metric, Metric):
        return metric
    if callable(metric):
        return FunctionMetric(metric)
    if metric in METRICS:
        return METRICS[metric]
    if isinstance(metric, str) and re.fullmatch(r"top[0-9]{1,9}", metric):
        return TopK(int(metric[3:]))
    hint = did_you_mean(str(metric), METRICS)
    raise InputError(
        f"unknown metric {metric!r}{hint}; known are {', '.join(METRICS)} (top5 with any number), and any callable in "
        "Python"
    )
