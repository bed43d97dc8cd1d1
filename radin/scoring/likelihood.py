"""Negative log-likelihoods of labels: the smooth loss of classes, and the statistic of likelihood metrics."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float64, Int64, Shaped

_BLOCK_VALUES = 1 << 22  # logits turned into float64 at once: 32 MiB


def losses(logits: Shaped[np.ndarray, "m c"], labels: Int64[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Negative log-likelihood of each label under softmax, in float64.

    Arguments:
        logits: a row for each label, a column for each class.
        labels: the classes of the rows.
    """
    out = np.empty(len(labels), dtype=np.float64)
    for rows in blocks_of_rows(logits):
        block = np.asarray(logits[rows], dtype=np.float64)
        own = np.take_along_axis(block, labels[rows, None], axis=1)
        top = block.max(axis=1, keepdims=True)
        out[rows] = (np.log(np.exp(block - top).sum(axis=1, keepdims=True)) + (top - own))[:, 0]
    return out


def blocks_of_rows(logits: Shaped[np.ndarray, "m c"]) -> Iterator[slice]:
    """Rows that follow one another, few enough that their logits fit into memory as float64."""
    step = max(1, _BLOCK_VALUES // max(1, logits.shape[1]))
    for start in range(0, len(logits), step):
        yield slice(start, start + step)
