"""Values of a metric on resamples of groups of rows, and under exchanges of two networks.

A metric that is a function of sums, see `radin.scoring.metrics.Metric.group_sums`, costs a product of matrices for all
resamples together; any other is computed on the rows of each.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.common.wording import counted
from radin.errors import InputError
from radin.scoring.draws import defined_values, exchange_masks
from radin.scoring.metrics import Metric


def resampled_groups(
    metric: Metric, statistics: Any, labels: Any, groups: Int64[np.ndarray, " m"], resamples: int, seed: int
) -> Float64[np.ndarray, " r"]:
    """Values on bootstrap resamples of groups of rows, whole groups at a time.

    Arguments:
        metric: the metric.
        statistics: of the rows, `[m, ...]`.
        labels: of the rows.
        groups: the group of each row.
        resamples: how many.
        seed: draws them.

    Raises:
        InputError: the metric is undefined on more than half of them.
    """
    numbers, g = _numbered(groups)
    sums = metric.group_sums(statistics, labels, numbers, g)
    if sums is not None:
        return metric.resampled_sums(sums, resamples, seed)
    rng, members = np.random.default_rng(seed), _members(numbers, g)
    values = np.full(resamples, np.nan)
    for i in range(resamples):
        rows = np.concatenate([members[one] for one in rng.integers(g, size=g)])
        with suppress(InputError):
            values[i] = metric.value_of(statistics[rows], labels[rows])
    return defined_values(values, metric.name, counted(g, "group"))


def exchanged_groups(
    metric: Metric,
    ours: Any,
    theirs: Any,
    labels: Any,
    groups: Int64[np.ndarray, " m"],
    resamples: int,
    seed: int,
) -> tuple[float, Float64[np.ndarray, " r"]]:
    """The difference of two networks' values, and the differences when they are exchanged on random groups.

    Arguments:
        metric: the metric.
        ours, theirs: statistics of the two networks on the same rows.
        labels: of the rows.
        groups: the group of each row.
        resamples: how many exchanges.
        seed: draws them.
    """
    numbers, g = _numbered(groups)
    sums = metric.paired_sums(ours, theirs, labels, numbers, g)
    if sums is not None:
        a, b = sums
        both, differences = a.sum(axis=0) + b.sum(axis=0), []
        for swap in exchange_masks(g, resamples, seed):
            mine = a.sum(axis=0) + swap.astype(np.float64) @ (b - a)
            differences.append(metric.of_sums(mine) - metric.of_sums(both - mine))
        observed = metric.of_sums(a.sum(axis=0)) - metric.of_sums(b.sum(axis=0))
        return float(observed), np.concatenate(differences)
    rng, found = np.random.default_rng(seed), np.empty(resamples)
    for i in range(resamples):
        swap = rng.integers(2, size=g).astype(bool)[numbers].reshape(-1, *[1] * (np.ndim(ours) - 1))
        one, other = np.where(swap, theirs, ours), np.where(swap, ours, theirs)
        found[i] = metric.value_of(one, labels) - metric.value_of(other, labels)
    return metric.value_of(ours, labels) - metric.value_of(theirs, labels), found


def _numbered(groups: Int64[np.ndarray, " m"]) -> tuple[Int64[np.ndarray, " m"], int]:
    """Groups numbered from 0 on without a gap, and how many there are."""
    found, numbers = np.unique(groups, return_inverse=True)
    return numbers.reshape(-1).astype(np.int64), len(found)


def _members(numbers: Int64[np.ndarray, " m"], g: int) -> list[Int64[np.ndarray, " k"]]:
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(numbers, minlength=g))[:-1])
