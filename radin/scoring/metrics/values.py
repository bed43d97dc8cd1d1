"""Metrics of values: squared and absolute errors, the share of variance that is explained, and correlations.

Squared errors and Pearson's r are functions of *moments*, sums over rows of the errors `e`, the labels `t` and their
products. With mixing weights that sum to 1 the error of an average is the average of the errors, so its moments are
forms in the weights, and a recipe costs N² operations whatever the number of rows.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.errors import InputError
from radin.scoring.metrics.base import Labels, Logits, Metric

#: Moments of one value: the number of rows, and sums of e, t, e², t² and e·t.
MOMENTS = 6


class ErrorMetric(Metric):
    """A metric of values whose statistic is the error of each, `float64[m, d]`."""

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, "m d"]:
        """Predicted minus true values."""
        return np.asarray(logits, dtype=np.float64) - labels


class MomentsMetric(ErrorMetric):
    """A family of metrics of values that are functions of moments; the surrogate has them from an N × N matrix."""

    follows_loss = True
    by_sums = True

    @abstractmethod
    def of_moments(self, moments: Float64[np.ndarray, "*k d 6"]) -> Float64[np.ndarray, " *k"]:
        """Values, from the moments of all rows; NaN where it is undefined."""

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """Values, from the moments of all groups."""
        return self.of_moments(sums.reshape(*sums.shape[:-1], -1, MOMENTS))

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The value.

        Raises:
            InputError: it is undefined, since all labels are the same.
        """
        return float(defined(self.of_moments(moments_of(statistics, labels)), self.name, len(labels)))

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Moments of each group of rows, those of all values one after the other."""
        rows = _row_moments(statistics, labels).reshape(len(labels), -1)
        if n == len(rows):
            return rows[np.argsort(groups)]
        sums = np.zeros((n, rows.shape[1]))
        np.add.at(sums, groups, rows)
        return sums


class MeanSquaredError(MomentsMetric):
    """The mean squared error."""

    name = "mse"
    higher_is_better = False
    is_mean = True

    def of_moments(self, moments: Float64[np.ndarray, "*k d 6"]) -> Float64[np.ndarray, " *k"]:
        """The mean over values and rows."""
        return np.asarray((moments[..., 3] / moments[..., 0]).mean(axis=-1))

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The squared error of each row."""
        return np.asarray(np.square(statistics).mean(axis=1))

    def constant(self, labels: Labels) -> Logits:
        """The mean of the labels."""
        return np.broadcast_to(labels.mean(axis=0), labels.shape)


class RootMeanSquaredError(MeanSquaredError):
    """The root of the mean squared error over all values."""

    name = "rmse"
    is_mean = False

    def of_moments(self, moments: Float64[np.ndarray, "*k d 6"]) -> Float64[np.ndarray, " *k"]:
        """The root of the mean."""
        return np.asarray(np.sqrt(np.maximum(super().of_moments(moments), 0.0)))

    def numbers(self, statistics: Any, labels: Labels) -> None:  # type: ignore[override]  # a root is no mean
        """None."""
        return


class SpreadMetric(Metric):
    """A metric that is undefined where all labels of a value are the same."""

    def undefined_on(self, labels: Labels) -> str:
        """That all labels are the same."""
        return constant_values(labels)


class ExplainedShare(SpreadMetric, MomentsMetric):
    """The share of variance that is explained, R²; the mean over the values of a sample."""

    name = "r2"

    def of_moments(self, moments: Float64[np.ndarray, "*k d 6"]) -> Float64[np.ndarray, " *k"]:
        """`1 − Σe² / Σ(t − t̄)²`."""
        n, _, t, ee, tt, _ = np.moveaxis(moments, -1, 0)
        spread = tt - t * t / n
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray((1 - ee / np.where(spread > 0, spread, np.nan)).mean(axis=-1))

    def constant(self, labels: Labels) -> Logits:
        """The mean of the labels."""
        return np.broadcast_to(labels.mean(axis=0), labels.shape)


class Pearson(SpreadMetric, MomentsMetric):
    """Pearson's correlation of predicted and true values, the mean over the values of a sample; 0 of a constant."""

    name = "pearson"

    def of_moments(self, moments: Float64[np.ndarray, "*k d 6"]) -> Float64[np.ndarray, " *k"]:
        """The correlation; with `y = e + t`, variances and covariances of e and t give those of y."""
        n, e, t, ee, tt, et = np.moveaxis(moments, -1, 0)
        spread_e, spread_t, shared = ee - e * e / n, tt - t * t / n, et - e * t / n
        spread_y = spread_e + 2 * shared + spread_t
        floor = 1e-14 * (ee + tt)  # a spread that is rounding alone
        with np.errstate(invalid="ignore", divide="ignore"):
            r = (shared + spread_t) / np.sqrt(spread_y * spread_t)
        r = np.where(spread_y > floor, np.clip(r, -1.0, 1.0), 0.0)
        return np.asarray(np.where(spread_t > floor, r, np.nan).mean(axis=-1))


class MeanAbsoluteError(ErrorMetric):
    """The mean absolute error."""

    name = "mae"
    higher_is_better = False
    is_mean = True
    follows_loss = True

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The mean over values and rows."""
        return float(np.abs(statistics).mean())

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"]:
        """The absolute error of each row."""
        return np.asarray(np.abs(statistics).mean(axis=1))

    def constant(self, labels: Labels) -> Logits:
        """The median of the labels."""
        return np.broadcast_to(np.median(labels, axis=0), labels.shape)


class Spearman(SpreadMetric):
    """Spearman's rank correlation of predicted and true values, the mean over the values of a sample.

    Intervals and tests take the ranks among all rows as they are, and resample or exchange them.
    """

    name = "spearman"
    follows_loss = True
    by_sums = True

    def measure(self, logits: Logits, labels: Labels) -> Float64[np.ndarray, "m d"]:
        """Ranks of the predictions minus those of the labels; equal ones have their mean rank."""
        return ranks(np.asarray(logits, dtype=np.float64)) - ranks(labels)

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """Pearson's correlation of the ranks.

        Raises:
            InputError: it is undefined, since all labels are the same.
        """
        return float(defined(Pearson().of_moments(moments_of(statistics, ranks(labels))), self.name, len(labels)))

    def group_sums(
        self, statistics: Any, labels: Labels, groups: Int64[np.ndarray, " m"], n: int
    ) -> Float64[np.ndarray, "n s"]:
        """Moments of the ranks."""
        return Pearson().group_sums(statistics, ranks(labels), groups, n)

    def of_sums(self, sums: Float64[np.ndarray, "*k s"]) -> Float64[np.ndarray, " *k"]:
        """Pearson's correlation of the ranks."""
        return Pearson().of_sums(sums)


def constant_values(labels: Labels) -> str:
    """That all labels of a value are the same, in words; empty where none of the values is constant.

    Arguments:
        labels: of the rows, `float64[m, d]`.
    """
    constant = np.flatnonzero(labels.min(axis=0) == labels.max(axis=0))
    if not len(constant):
        return ""
    which = "" if labels.shape[1] == 1 else f" in value {constant[0]}"
    return f"all {len(labels):,} have the same label{which}"


def defined(values: Float64[np.ndarray, " *k"], metric: str, rows: int) -> Float64[np.ndarray, " *k"]:
    """Values of a metric, if it is defined on these rows.

    Arguments:
        values: those of some recipes; NaN where the metric is undefined.
        metric: its name.
        rows: how many there are.

    Raises:
        InputError: it is undefined, since all labels are the same.
    """
    if np.isnan(values).any():
        raise InputError(f"{metric} is undefined: all {rows} labels are the same")
    return values


def ranks(values: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "m d"]:
    """Ranks in each column, from 1 on; equal values have the mean of their ranks."""
    out = np.empty(values.shape)
    for column in range(values.shape[1]):
        _, place, counts = np.unique(values[:, column], return_inverse=True, return_counts=True)
        ends = np.cumsum(counts)
        out[:, column] = (ends - (counts - 1) / 2)[place.reshape(-1)]
    return out


def moments_of(errors: Float64[np.ndarray, "m d"], labels: Float64[np.ndarray, "m d"]) -> Float64[np.ndarray, "d 6"]:
    """Moments over all rows, with the labels seen from their mean."""
    return _row_moments(errors, labels).sum(axis=0)


def _row_moments(
    errors: Float64[np.ndarray, "m d"], labels: Float64[np.ndarray, "m d"]
) -> Float64[np.ndarray, "m d 6"]:
    t = labels - labels.mean(axis=0)
    return np.stack([np.ones_like(t), errors, t, errors * errors, t * t, errors * t], axis=-1)
