"""The split of the validation data into a part that selects and a part that is held back."""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64


def split_rows(
    labels: Int64[np.ndarray, " M"],
    holdback: float,
    seed: int,
    groups: Int64[np.ndarray, " M"] | None = None,
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " h"]]:
    """Splits samples at random, stratified by class; groups are never divided, and then nothing is stratified.

    Arguments:
        labels: the samples' classes, or other strata.
        holdback: share to hold back, in `[0, 1)`; `round(holdback · M)` samples in all, in each class its share
            rounded down or up, the largest fractions up first. One sample of every class always selects.
        seed: draws the samples; equal seeds give equal splits.
        groups: the number of each sample's group. Groups are held back in random order, as long as no more samples
            are than the share; one at least, if the share is above 0, and one at least selects.

    Returns:
        indices of the samples that select, and of those held back, each in ascending order.
    """
    rng = np.random.default_rng(seed)
    if groups is not None:
        held_back = np.flatnonzero(np.isin(groups, _held_groups(groups, holdback, rng)))
        return np.setdiff1d(np.arange(len(labels)), held_back), held_back
    classes, counts = np.unique(labels, return_counts=True)
    shares = holdback * counts
    takes = np.floor(shares).astype(np.int64)
    missing = round(holdback * len(labels)) - int(takes.sum())
    by_fraction = np.argsort(takes - shares, kind="stable")
    takes[by_fraction[: max(missing, 0)]] += 1
    takes = np.minimum(takes, counts - 1)
    held = [rng.permutation(np.flatnonzero(labels == one))[:take] for one, take in zip(classes, takes, strict=True)]
    held_back = np.sort(np.concatenate(held))
    return np.setdiff1d(np.arange(len(labels)), held_back), held_back


def _held_groups(groups: Int64[np.ndarray, " M"], holdback: float, rng: np.random.Generator) -> Int64[np.ndarray, " g"]:
    """The groups that are held back."""
    if holdback == 0:
        return np.zeros(0, dtype=np.int64)
    numbers, sizes = np.unique(groups, return_counts=True)
    order, left, held = rng.permutation(len(numbers)), round(holdback * len(groups)), list[int]()
    for one in order[:-1]:
        if not held or sizes[one] <= left:
            held.append(one)
            left -= sizes[one]
    return numbers[held]


def sample_rows(labels: Int64[np.ndarray, " M"], n: int, seed: int) -> Int64[np.ndarray, " n"]:
    """Draws samples at random, stratified by class.

    Arguments:
        labels: the samples' classes.
        n: how many to draw; all of them if there are no more. Each class gives its share rounded down or up, the
            largest fractions up first.
        seed: draws the samples; equal seeds give equal samples.

    Returns:
        indices of the samples, in ascending order.
    """
    if n >= len(labels):
        return np.arange(len(labels))
    rng = np.random.default_rng(seed)
    classes, counts = np.unique(labels, return_counts=True)
    shares = counts * (n / len(labels))
    takes = np.floor(shares).astype(np.int64)
    takes[np.argsort(takes - shares, kind="stable")[: n - int(takes.sum())]] += 1
    drawn = [rng.permutation(np.flatnonzero(labels == one))[:take] for one, take in zip(classes, takes, strict=True)]
    return np.sort(np.concatenate(drawn))
