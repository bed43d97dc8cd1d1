"""Metrics of probabilities: those of logits, of the logarithms."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.scoring.kinds.probabilities import LEAST
from radin.scoring.metrics.base import Labels, Logits, Metric, Statistics


class OfProbabilities(Metric):
    """A metric of logits, applied to the logarithms of probabilities.

    Metrics that look at the order of the classes alone are the same of both, and need no such form.

    Arguments:
        metric: of logits.
    """

    def __init__(self, metric: Metric) -> None:
        self.metric = metric
        self.higher_is_better, self.is_proportion = metric.higher_is_better, metric.is_proportion
        self.is_mean, self.follows_loss, self.by_sums = metric.is_mean, metric.follows_loss, metric.by_sums
        self.defined_on_parts = metric.defined_on_parts

    @property
    def name(self) -> str:
        """That of the metric of logits."""
        return self.metric.name

    def measure(self, logits: Logits, labels: Labels) -> Statistics:
        """The statistic of each sample, from probabilities."""
        logarithms = np.log(np.maximum(np.asarray(logits, dtype=np.float64), LEAST))
        return np.asarray(self.metric.measure(logarithms, labels))

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The value, from the statistics of the samples."""
        return self.metric.value_of(statistics, labels)

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """Numbers per sample whose mean is the value."""
        return self.metric.numbers(statistics, labels)

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"] | None:
        """Sums over each group of rows."""
        return self.metric.group_sums(statistics, labels, groups, n)

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """Values, from the sums over all groups."""
        return self.metric.of_sums(sums)

    def undefined_on(self, labels: Labels) -> str:
        """The reason of the metric of logits."""
        return self.metric.undefined_on(labels)

    def check_classes(self, n_classes: int) -> None:
        """Refuses numbers of classes for which the metric says nothing."""
        self.metric.check_classes(n_classes)
