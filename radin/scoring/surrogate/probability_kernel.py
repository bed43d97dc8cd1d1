"""Losses of averaged probabilities: the labels' own probabilities are all that they depend on.

The average of a recipe w gives the label of a sample `p = Σ wᵢ pᵢ`, and its loss is `−log p`. The bank is read once,
and one number of each ingredient and sample is kept.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float64

from radin.scoring.kinds.probabilities import LEAST
from radin.scoring.surrogate.dense_kernel import Bank, recipe_blocks

_ROWS = 1 << 14  # samples that are looked at together


class ProbabilityKernel:
    """Mean negative log-likelihoods of averaged probabilities.

    Arguments:
        bank: probabilities.
    """

    #: Largest error of a mean, beyond the rounding of float64.
    bound = 0.0

    def __init__(self, bank: Bank) -> None:
        self._bank = bank

    def means(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean losses."""
        weights, out = coefficients / coefficients.sum(axis=1, keepdims=True), np.zeros(len(coefficients))
        for start in range(0, self._bank.n_samples, _ROWS):
            own = self._own[:, start : start + _ROWS]
            for rows, block in recipe_blocks(weights):
                likely = np.maximum(block @ own, LEAST)
                out[rows] -= np.log(likely).sum(axis=1)[: rows.stop - rows.start]
        return out / self._bank.n_samples

    def gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """The mean loss at mixing weights, and its derivatives `−mean pᵢ / p`."""
        likely = np.maximum(weights @ self._own, LEAST)
        return -float(np.log(likely).mean()), -(self._own / likely).mean(axis=1)

    @cached_property
    def _own(self) -> Float64[np.ndarray, "n m"]:
        """Each ingredient's probability of each label."""
        labels, m = np.asarray(self._bank.labels), self._bank.n_samples
        own = np.empty((len(self._bank), m))
        for i in range(len(self._bank)):
            for start in range(0, m, _ROWS):
                stop = min(start + _ROWS, m)
                read = np.asarray(self._bank.read(i, start, stop))
                own[i, start:stop] = np.take_along_axis(read, labels[start:stop, None], axis=1)[:, 0]
        return own
