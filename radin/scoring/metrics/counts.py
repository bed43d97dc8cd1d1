"""Metrics that count, for each class or label, how often it is predicted, how often it occurs, and how often both."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.common.wording import counted
from radin.errors import InputError
from radin.scoring.draws import defined_values, resample_rows
from radin.scoring.metrics.base import Labels, Logits, MeanMetric, Metric, PredictionMetric


@dataclass(frozen=True)
class Counts:
    """Numbers of rows for each class or label, `float64[..., c]`.

    Attributes:
        right: it is predicted, and is so.
        predicted: it is predicted.
        occurring: it is so.
        rows: all rows, `float64[...]`.
    """

    right: Float64[np.ndarray, "*k c"]
    predicted: Float64[np.ndarray, "*k c"]
    occurring: Float64[np.ndarray, "*k c"]
    rows: Float64[np.ndarray, " *k"]

    @classmethod
    def of(cls, sums: Float64[np.ndarray, "*k s"]) -> Counts:
        """Counts that were joined to one array, see `joined`."""
        parts = sums[..., :-1].reshape(*sums.shape[:-1], 3, -1)
        return cls(parts[..., 0, :], parts[..., 1, :], parts[..., 2, :], np.asarray(sums[..., -1]))

    @property
    def joined(self) -> Float64[np.ndarray, "*k s"]:
        """All counts in one array, `float64[..., 3 c + 1]`."""
        return np.concatenate([self.right, self.predicted, self.occurring, self.rows[..., None]], axis=-1)

    @property
    def f1(self) -> Float64[np.ndarray, "*k c"]:
        """F1 of each; NaN of those that neither occur nor are predicted."""
        return _ratio(2 * self.right, self.predicted + self.occurring)

    @property
    def union(self) -> Float64[np.ndarray, "*k c"]:
        """Rows where it is predicted, or is so."""
        return self.predicted + self.occurring - self.right


class CountsMetric(Metric):
    """A value made of `Counts`."""

    follows_loss = True

    @abstractmethod
    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """Values, from counts of all rows; NaN where it is undefined."""

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """Values, from the counts of all groups."""
        return self.of_counts(Counts.of(sums))

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The value."""
        return float(self.of_sums(self.group_sums(statistics, labels, np.zeros(len(labels), dtype=np.int64), 1))[0])

    @abstractmethod
    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Counts of each group of rows."""


class ClassCountsMetric(CountsMetric, PredictionMetric):
    """A value made of the counts of each class."""

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Counts of each group of rows."""
        return self._sums(statistics, labels, groups, n, int(max(statistics.max(initial=0), labels.max(initial=0))) + 1)

    def paired_sums(
        self, ours: Any, theirs: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> tuple[Float64[np.ndarray, "n s"], Float64[np.ndarray, "n s"]]:
        """Counts of two networks, of the classes that either predicts or that occur."""
        c = int(max(one.max(initial=0) for one in (ours, theirs, labels))) + 1
        return self._sums(ours, labels, groups, n, c), self._sums(theirs, labels, groups, n, c)

    def resampled(self, statistics: Any, labels: Labels, resamples: int, seed: int) -> Float64[np.ndarray, " r"]:
        """Values on bootstrap resamples of the samples; many resamples are counted at once.

        Raises:
            InputError: it is undefined on more than half of them.
        """
        m, values = len(labels), []
        for rows in resample_rows(m, resamples, seed):
            predicted, occurring = statistics[rows], labels[rows]
            sizes = np.maximum(predicted.max(axis=1), occurring.max(axis=1)) + 1
            block = np.empty(len(rows))
            for c in np.unique(sizes):  # each has the classes up to its own last, as its value alone has
                these = np.flatnonzero(sizes == c)
                ours, true = predicted[these].reshape(-1), occurring[these].reshape(-1)
                groups = np.arange(len(these)).repeat(m)
                block[these] = self.of_sums(self._sums(ours, true, groups, len(these), int(c)))
            values.append(block)
        return defined_values(np.concatenate(values), self.name, counted(m, "sample"))

    def _sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int, c: int
    ) -> Float64[np.ndarray, "n s"]:
        hit = statistics == labels
        cells = groups[hit] * c + labels[hit], groups * c + statistics, groups * c + labels
        right, predicted, occurring = (np.bincount(one, minlength=n * c).reshape(n, c).astype(float) for one in cells)
        return Counts(right, predicted, occurring, np.bincount(groups, minlength=n).astype(float)).joined


class DecisionsMetric(CountsMetric):
    """A family of metrics of several labels: a value made of the counts of each label.

    The statistic is which labels are predicted, those with a logit above 0. The surrogate counts exactly.
    """

    by_sums = True

    def measure(self, logits: Logits, labels: Labels) -> Bool[np.ndarray, "m c"]:
        """Which labels are predicted for each sample."""
        return np.asarray(logits) > 0

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Counts of each group of samples."""
        both = statistics & (labels == 1)
        parts = [_sums(one, groups, n) for one in (both, statistics, labels)]
        return Counts(parts[0], parts[1], parts[2], np.bincount(groups, minlength=n).astype(float)).joined


class MacroF1(ClassCountsMetric):
    """The mean F1 over the classes that occur or are predicted."""

    name = "macro-f1"

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """The mean F1."""
        return mean_where_defined(counts.f1)


class BinaryF1(ClassCountsMetric):
    """F1 of class 1 of two classes; 0 where it neither occurs nor is predicted."""

    name = "binary-f1"

    def check_classes(self, n_classes: int) -> None:
        """Refuses other numbers than two."""
        if n_classes != 2:
            raise InputError(f"binary-f1 is for 2 classes, and there are {n_classes}; choose macro-f1")

    def measure(self, logits: Logits, labels: Labels) -> Int64[np.ndarray, " m"]:
        """The predicted class of each sample."""
        self.check_classes(np.shape(logits)[1])
        return super().measure(logits, labels)

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """F1 of the last class that is there, if it is class 1."""
        f1 = counts.f1
        return np.asarray(np.nan_to_num(f1[..., 1]) if f1.shape[-1] > 1 else np.zeros(f1.shape[:-1]))


class Matthews(ClassCountsMetric):
    """Matthews' correlation coefficient; 0 where all is predicted to be of one class, or is."""

    name = "mcc"

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """The coefficient, as Gorodkin (2004) has it for any number of classes."""
        p, t, n = counts.predicted, counts.occurring, counts.rows
        shared = counts.right.sum(axis=-1) * n - (p * t).sum(axis=-1)
        sizes = (np.square(n) - np.square(p).sum(axis=-1)) * (np.square(n) - np.square(t).sum(axis=-1))
        return np.asarray(np.nan_to_num(_ratio(shared, np.sqrt(np.maximum(sizes, 0.0)))))


class MeanIoU(ClassCountsMetric):
    """The mean over the classes that occur or are predicted of intersection over union, over all positions."""

    name = "miou"

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """The mean."""
        return mean_where_defined(_ratio(counts.right, counts.union))


class LabelMacroF1(DecisionsMetric):
    """The mean F1 over all labels; one that neither occurs nor is predicted has 0, as in scikit-learn."""

    name = "macro-f1"

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """The mean F1."""
        return np.asarray(np.nan_to_num(counts.f1).mean(axis=-1))


class LabelMicroF1(DecisionsMetric):
    """F1 over all decisions together."""

    name = "micro-f1"

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """F1; 0 where no label occurs or is predicted."""
        both = counts.predicted.sum(axis=-1) + counts.occurring.sum(axis=-1)
        return np.asarray(np.nan_to_num(_ratio(2 * counts.right.sum(axis=-1), both)))


class DecisionAccuracy(DecisionsMetric):
    """The share of decisions that are right; each sample has as many as there are labels."""

    name = "accuracy"
    is_mean = True

    def of_counts(self, counts: Counts) -> Float64[np.ndarray, " *k"]:
        """The share of right decisions."""
        wrong = (counts.union - counts.right).sum(axis=-1)
        return np.asarray(1 - wrong / (counts.rows * counts.right.shape[-1]))

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The share of right decisions of each sample."""
        return np.asarray((statistics == (labels == 1)).mean(axis=1))


class SubsetAccuracy(MeanMetric):
    """The share of samples all of whose labels are right."""

    name = "subset-accuracy"
    is_proportion = True
    follows_loss = True

    def measure(self, logits: Logits, labels: Labels) -> Bool[np.ndarray, " m"]:
        """Whether all labels of each sample are right."""
        return np.asarray(((np.asarray(logits) > 0) == (labels == 1)).all(axis=1))


class LabelLikelihood(MeanMetric):
    """The mean negative log-likelihood of the decisions under the logistic function, in nats."""

    name = "nll"
    higher_is_better = False
    follows_loss = True

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The mean loss of each sample."""
        z = np.asarray(logits, dtype=np.float64)
        return np.asarray((np.logaddexp(0.0, z) - z * labels).mean(axis=1))


def mean_where_defined(values: Float64[np.ndarray, "*k c"]) -> Float64[np.ndarray, " *k"]:
    """Means over the last axis of what is not NaN; NaN where all is."""
    known = ~np.isnan(values)
    return _ratio(np.asarray(np.where(known, values, 0.0).sum(axis=-1)), np.asarray(known.sum(axis=-1)))


def _ratio(a: Any, b: Any) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(np.where(b > 0, a / b, np.nan))


def _sums(columns: Any, groups: Int64[np.ndarray, " m"], n: int) -> Float64[np.ndarray, "n c"]:
    """Sums of each column over each group."""
    if n == 1:
        return np.asarray(columns).sum(axis=0, dtype=np.float64)[None]
    sums = np.zeros((n, np.shape(columns)[1]))
    np.add.at(sums, groups, np.asarray(columns, dtype=np.float64))
    return sums
