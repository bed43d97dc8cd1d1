"""The uncertainty of scores: 95 % intervals, and paired tests between two networks on the same samples.

All functions here take a metric's per-sample statistics (`Metric.measure`), so that a sample's logits are read once.
"""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.scoring.metrics import BOOTSTRAP_RESAMPLES, Labels, Metric
from radin.scoring.resampling import exchanged_groups, resampled_groups

#: Standard normal quantile of a two-sided 95 % interval.
Z95 = 1.959963984540054
RESAMPLES = 2_000
#: Statistics drawn at once when resampling: 64 MiB of float64.
BLOCK = 1 << 23


Groups = Int64[np.ndarray, " m"] | None


def interval(
    metric: Metric, statistics: Any, labels: Labels, seed: int = 0, *, groups: Groups = None
) -> tuple[float, float]:
    """A 95 % interval of a metric's value on these samples.

    Proportions have Wilson's interval (Wilson 1927, https://doi.org/10.2307/2276774), which stays within [0, 1] and
    is right near its ends; all other metrics have a percentile bootstrap over samples. The interval always contains the
    value: the values of resamples may all lie on one side of it, as those of a metric over pairs of samples do, since
    a resample pairs a sample with its own copies. Then the interval is shifted until the median of the resamples is the
    value.

    Arguments:
        metric: the metric.
        statistics: its per-sample statistics, `[m, ...]`.
        labels: of the rows.
        seed: draws the resamples.
        groups: the number of each row's group. All metrics have a bootstrap over whole groups then, as rows of one
            group are no independent evidence.

    Returns:
        lower and upper end, in the sign of the metric's value.
    """
    m = len(labels)
    if metric.is_proportion and groups is None:
        p = float(np.mean(statistics))
        centre = (p + Z95**2 / (2 * m)) / (1 + Z95**2 / m)
        half = Z95 * math.sqrt(p * (1 - p) / m + Z95**2 / (4 * m**2)) / (1 + Z95**2 / m)
        return max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))  # rounding alone would miss p = 1
    value = metric.value_of(statistics, labels)
    values = _resampled(metric, statistics, labels, RESAMPLES, seed, groups)
    low, median, high = np.percentile(values, [2.5, 50, 97.5]).tolist()
    if low <= value <= high:
        return low, high
    return value + min(0.0, low - median), value + max(0.0, high - median)


def paired_p_value(
    metric: Metric, ours: Any, theirs: Any, labels: Labels, seed: int = 0, *, groups: Groups = None
) -> float:
    """Two-sided p-value of "both networks are equally good", from their statistics on the same samples.

    Proportions have McNemar's test in its exact, binomial form (McNemar 1947, https://doi.org/10.1007/BF02295996):
    of the samples that just one network has right, each is as likely to be right. All other metrics have a permutation
    test that exchanges the two networks' statistics sample by sample.

    Arguments:
        metric: the metric.
        ours, theirs: per-sample statistics of the two networks, `[m, ...]`.
        labels: of the rows.
        seed: draws the permutations.
        groups: the number of each row's group; whole groups are exchanged then, also for proportions.

    Returns:
        the p-value in (0, 1].
    """
    if metric.is_proportion and groups is None:
        return exact_mcnemar(int(np.sum(ours & ~theirs)), int(np.sum(theirs & ~ours)))
    rng = np.random.default_rng(seed)
    differences = None if groups is not None else _differences(metric, ours, theirs, labels)
    if groups is not None or (differences is None and metric.by_sums):
        rows = np.arange(len(labels)) if groups is None else groups
        difference, exchanged = exchanged_groups(metric, ours, theirs, labels, rows, RESAMPLES, seed)
        observed, exchanged = abs(difference), np.nan_to_num(exchanged)
    elif differences is not None:
        observed, exchanged = abs(float(differences.mean())), _exchanged_means(differences, rng)
    else:
        observed = abs(metric.value_of(ours, labels) - metric.value_of(theirs, labels))
        exchanged = np.array([_exchanged_difference(metric, ours, theirs, labels, rng) for _ in range(RESAMPLES)])
    # The identity is one of the permutations, so the p-value is never 0; ties count against us, up to rounding.
    as_large = int(np.sum(np.abs(exchanged) >= observed * (1 - 1e-12)))
    return (as_large + 1) / (RESAMPLES + 1)


class Paired:
    """Standard errors of the differences between one network's value and those of others, on the same samples.

    For proportions `√(b + c + 1) / m`, with `b + c` the samples that just one of the two has right; one more, so that
    it is never 0. Means of per-sample numbers have `std / √m` of the differences; all other metrics have a paired
    bootstrap, for which the one network is resampled once, however many others there are.

    Arguments:
        metric: the metric.
        ours: per-sample statistics of the one network, `[m, ...]`.
        labels: of the rows.
        seed: draws the resamples.
        groups: the number of each row's group; all metrics have a paired bootstrap over whole groups then.
    """

    def __init__(self, metric: Metric, ours: Any, labels: Labels, seed: int = 0, *, groups: Groups = None) -> None:
        self._metric, self._ours, self._labels, self._seed, self._groups = metric, ours, labels, seed, groups

    def error(self, theirs: Any) -> float:
        """The standard error of the difference from another network, of which these are the per-sample statistics."""
        m = len(self._labels)
        if self._metric.is_proportion and self._groups is None:
            return math.sqrt(int(np.sum(self._ours != theirs)) + 1) / m
        numbers = self._numbers
        others = None if numbers is None else self._metric.numbers(theirs, self._labels)
        if numbers is not None and others is not None:
            return float((numbers - others).std(ddof=1) / math.sqrt(m)) if m > 1 else 0.0
        mine, other = self._values, self._resampled(theirs)
        if len(mine) != len(other):  # undefined on some resamples of one of them, so the rest are no pairs any more
            return float(np.hypot(np.std(mine, ddof=1), np.std(other, ddof=1)))
        return float(np.std(mine - other, ddof=1))

    @cached_property
    def _numbers(self) -> Float64[np.ndarray, " m"] | None:
        return None if self._groups is not None else self._metric.numbers(self._ours, self._labels)

    @cached_property
    def _values(self) -> Float64[np.ndarray, " r"]:
        return self._resampled(self._ours)

    def _resampled(self, statistics: Any) -> Float64[np.ndarray, " r"]:
        return _resampled(self._metric, statistics, self._labels, BOOTSTRAP_RESAMPLES, self._seed, self._groups)


def paired_error(
    metric: Metric, ours: Any, theirs: Any, labels: Labels, seed: int = 0, *, groups: Groups = None
) -> float:
    """Standard error of the difference of two networks' values, from their statistics on the same samples.

    Arguments:
        metric, ours, labels, seed, groups: see `Paired`.
        theirs: per-sample statistics of the other network.
    """
    return Paired(metric, ours, labels, seed, groups=groups).error(theirs)


def standard_error(metric: Metric, statistics: Any, labels: Labels, groups: Groups = None) -> float:
    """Standard error of a metric's value on these rows; with groups, from a bootstrap over whole groups."""
    if groups is None:
        return metric.standard_error(statistics, labels)
    return float(np.std(_resampled(metric, statistics, labels, BOOTSTRAP_RESAMPLES, 0, groups), ddof=1))


def _resampled(
    metric: Metric, statistics: Any, labels: Labels, resamples: int, seed: int, groups: Groups
) -> Float64[np.ndarray, " r"]:
    """Values on resamples of the rows, or of whole groups."""
    if groups is None:
        return metric.resampled(statistics, labels, resamples, seed)
    return resampled_groups(metric, statistics, labels, groups, resamples, seed)


def exact_mcnemar(only_ours: int, only_theirs: int) -> float:
    """Two-sided exact McNemar test from the numbers of samples that just one of two networks has right."""
    n, k = only_ours + only_theirs, min(only_ours, only_theirs)
    if n == 0:
        return 1.0
    log_choose = [math.lgamma(n + 1) - math.lgamma(i + 1) - math.lgamma(n - i + 1) for i in range(k + 1)]
    tail = math.fsum(math.exp(term - n * math.log(2)) for term in log_choose)
    return min(1.0, 2 * tail)


def _differences(metric: Metric, ours: Any, theirs: Any, labels: Labels) -> np.ndarray | None:
    """The difference of the two networks' numbers on each sample; None where the metric is no mean over samples."""
    a, b = metric.numbers(ours, labels), metric.numbers(theirs, labels)
    return None if a is None or b is None else a - b


def _exchanged_means(differences: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Means of the differences under random signs: exchanging two networks on a sample negates its difference."""
    m = len(differences)
    means: list[np.ndarray] = []
    step = max(1, BLOCK // m)
    for start in range(0, RESAMPLES, step):
        signs = rng.integers(2, size=(min(step, RESAMPLES - start), m), dtype=np.int8)
        means.append((2.0 * (signs @ differences) - differences.sum()) / m)
    return np.concatenate(means)


def _exchanged_difference(metric: Metric, a: Any, b: Any, labels: Labels, rng: np.random.Generator) -> float:
    exchange = rng.integers(2, size=len(labels), dtype=np.int8).astype(bool)
    mask = exchange.reshape(-1, *[1] * (np.ndim(a) - 1))
    return metric.value_of(np.where(mask, b, a), labels) - metric.value_of(np.where(mask, a, b), labels)


def paired_test_name(metric: Metric, groups: Groups = None) -> str:
    """The name of the test that `paired_p_value` applies to this metric."""
    if groups is not None:
        return "paired permutation test of groups"
    return "exact McNemar test" if metric.is_proportion else "paired permutation test"
