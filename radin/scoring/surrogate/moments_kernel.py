"""Moments of the errors of averaged values, for all recipes from one N × N matrix.

With mixing weights that sum to 1, the error of averaged outputs is the average of the errors: `e = Σ wᵢ eᵢ`. So

    Σ e = wᵀa,    Σ e² = wᵀGw,    Σ e·t = wᵀb    with    aᵢ = Σ eᵢ,  Gᵢⱼ = Σ eᵢ eⱼ,  bᵢ = Σ eᵢ t,

sums over rows for each of the d values of a sample. The bank is read once. Then a recipe costs d·N² multiplications,
whatever the number of rows, and the mean squared error has the gradient `2 Gw / M`.
"""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Float64

from radin.scoring.surrogate.dense_kernel import Bank, read_block, recipe_blocks, sample_blocks

#: Recipes that are scored together; blocks are filled up to this size, since products of another shape may round
#: otherwise, and a score must not depend on the recipes beside it.
RECIPE_BLOCK = 256


class MomentsKernel:
    """Moments of recipes, and their mean squared errors; the values are read when first asked for.

    Arguments:
        bank: predicted values, with the true ones as labels, `float64[M, d]`.
    """

    #: Largest error of a mean, beyond the rounding of float64.
    bound = 0.0

    def __init__(self, bank: Bank) -> None:
        self.bank = bank
        self._labels = np.asarray(bank.labels, dtype=np.float64)

    def moments(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, "k d 6"]:
        """For each recipe and value: rows, and sums of e, t, e², t² and e·t, with the labels seen from their mean."""
        a, gram, b, (t, tt) = self._sums
        weights = coefficients / coefficients.sum(axis=1, keepdims=True)
        out = np.empty((len(weights), len(gram), 6))
        for rows, block in recipe_blocks(weights, RECIPE_BLOCK):
            used = rows.stop - rows.start
            squares = ((block @ gram) * block).sum(axis=2)
            parts = (block @ a.T, squares.T, block @ b.T)
            out[rows, :, 1], out[rows, :, 3], out[rows, :, 5] = (part[:used] for part in parts)
        out[:, :, 0], out[:, :, 2], out[:, :, 4] = len(self._labels), t, tt
        return out

    def means(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean squared errors."""
        return np.asarray(self.moments(coefficients)[:, :, 3].mean(axis=1) / len(self._labels))

    def gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """The mean squared error at mixing weights, and its derivatives `2 Gw / M`."""
        slope = self._sums[1].mean(axis=0) @ weights / len(self._labels)
        return float(weights @ slope), 2 * slope

    @cached_property
    def _sums(
        self,
    ) -> tuple[
        Float64[np.ndarray, "d n"],
        Float64[np.ndarray, "d n n"],
        Float64[np.ndarray, "d n"],
        Float64[np.ndarray, "2 d"],
    ]:
        n, (_, d) = len(self.bank), self._labels.shape
        a, gram, b = np.zeros((d, n)), np.zeros((d, n, n)), np.zeros((d, n))
        centred = self._labels - self._labels.mean(axis=0)
        for start, stop in sample_blocks(self.bank):
            errors = read_block(self.bank, start, stop).astype(np.float64) - self._labels[start:stop]
            for value in range(d):
                e, t = np.ascontiguousarray(errors[:, :, value]), centred[start:stop, value]
                a[value] += e.sum(axis=1)
                gram[value] += e @ e.T
                b[value] += e @ t
        return a, gram, b, np.stack([centred.sum(axis=0), np.square(centred).sum(axis=0)])
