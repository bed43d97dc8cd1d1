"""Metrics of the order in which logits put the samples: areas under curves."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from jaxtyping import Float64

from radin.errors import InputError
from radin.scoring.metrics.base import Labels, Logits, Metric
from radin.scoring.metrics.values import ranks


class OrderMetric(Metric):
    """A mean over classes or labels of a measure of how their logits order the samples."""

    defined_on_parts = False
    follows_loss = True

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, "m k"]:
        """Numbers that order the samples: of two classes the difference of the logits, of more the probabilities."""
        z = np.asarray(logits, dtype=np.float64)
        if labels.ndim == 2:
            return z
        if z.shape[1] == 2:
            return z[:, 1:] - z[:, :1]
        return np.exp(z - np.logaddexp.reduce(z, axis=1, keepdims=True))

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The mean over those that some samples have, and some have not.

        Raises:
            InputError: there are none.
        """
        truths = labels if labels.ndim == 2 else _one_or_rest(labels, statistics.shape[1])
        mixed = _mixed(truths)
        if not mixed.any():
            raise InputError(f"{self.name} is undefined: all {len(labels)} samples have the same labels")
        return float(np.mean([self.of_column(statistics[:, c], truths[:, c] == 1) for c in np.flatnonzero(mixed)]))

    def undefined_on(self, labels: Labels) -> str:
        """That all rows have the same labels."""
        alike = not _mixed(labels).any() if labels.ndim == 2 else labels.min() == labels.max()
        return f"all {len(labels):,} have the same {'labels' if labels.ndim == 2 else 'label'}" if alike else ""

    @abstractmethod
    def of_column(self, scores: Float64[np.ndarray, " m"], true: Any) -> float:
        """The measure of one class or label.

        Arguments:
            scores: order the samples, the largest first.
            true: which samples have it, `bool[m]`; some, and not all.
        """


class AreaUnderRoc(OrderMetric):
    """The area under the ROC curve: of two classes, or the mean over classes (one against the rest) or labels."""

    name = "auc"

    def of_column(self, scores: Float64[np.ndarray, " m"], true: Any) -> float:
        """The chance that a true sample comes before one that is not; equal ones count half."""
        positive, m = int(true.sum()), len(true)
        placed = ranks(scores[:, None])[true, 0].sum() - positive * (positive + 1) / 2
        return float(placed / (positive * (m - positive)))


class MeanAveragePrecision(OrderMetric):
    """The mean over labels of the average precision; labels that no sample has, or all have, are left out."""

    name = "map"

    def of_column(self, scores: Float64[np.ndarray, " m"], true: Any) -> float:
        """The sum over thresholds of the precision, times the recall that the threshold adds."""
        order = np.argsort(-scores, kind="stable")
        ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1)
        found = np.cumsum(true[order])[ends]
        precision = found / (ends + 1)
        return float((np.diff(found, prepend=0) * precision).sum() / found[-1])


def _mixed(truths: np.ndarray) -> np.ndarray:
    """The columns that some rows have, and some have not."""
    return np.asarray((truths.min(axis=0) == 0) & (truths.max(axis=0) == 1))


def _one_or_rest(labels: Labels, columns: int) -> np.ndarray:
    return labels[:, None] if columns == 1 else (labels[:, None] == np.arange(columns)).astype(np.int64)
