"""Seeded draws of groups of rows: bootstrap resamples, and which groups two networks exchange."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64

from radin.errors import InputError

#: Numbers drawn at once: 32 MiB of float64.
_BLOCK = 1 << 22


def resample_counts(groups: int, resamples: int, seed: int) -> Iterator[Float64[np.ndarray, "k g"]]:
    """The number of times that each group occurs in each bootstrap resample, some resamples at a time.

    Arguments:
        groups: how many there are, and are drawn for each resample.
        resamples: how many in all.
        seed: draws them.
    """
    rng = np.random.default_rng(seed)
    for count in _blocks(resamples, groups):
        drawn = rng.integers(groups, size=(count, groups)) + np.arange(count)[:, None] * groups
        times = np.bincount(drawn.reshape(-1), minlength=count * groups).reshape(count, groups)
        yield times.astype(np.float64)


def resample_rows(rows: int, resamples: int, seed: int) -> Iterator[Int64[np.ndarray, "k m"]]:
    """The rows of each bootstrap resample, some resamples at a time, drawn as one after the other would be.

    Arguments:
        rows: how many there are, and are drawn for each resample.
        resamples: how many in all.
        seed: draws them.
    """
    rng = np.random.default_rng(seed)
    for count in _blocks(resamples, 8 * rows):  # what is counted of the rows takes some times their room
        yield rng.integers(rows, size=(count, rows))


def exchange_masks(groups: int, exchanges: int, seed: int) -> Iterator[Int64[np.ndarray, "k g"]]:
    """For each exchange of two networks 1 for the groups that change sides, and 0 for the others.

    Arguments:
        groups: how many there are.
        exchanges: how many in all; some are drawn at a time.
        seed: draws them.
    """
    rng = np.random.default_rng(seed)
    for count in _blocks(exchanges, groups):
        yield rng.integers(2, size=(count, groups))


def defined_values(values: Float64[np.ndarray, " r"], metric: str, drawn: str) -> Float64[np.ndarray, " d"]:
    """The values of resamples that are not NaN.

    Arguments:
        values: one a resample; NaN where the metric is undefined.
        metric: its name, for the message.
        drawn: what is resampled, for the message.

    Raises:
        InputError: more than half are NaN.
    """
    defined = values[~np.isnan(values)]
    if 2 * len(defined) < len(values):
        raise InputError(f"metric {metric!r} is undefined on most resamples of these {drawn}")
    return defined


def _blocks(draws: int, groups: int) -> Iterator[int]:
    step = max(1, _BLOCK // groups)
    for start in range(0, draws, step):
        yield min(step, draws - start)
