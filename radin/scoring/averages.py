"""The averaged logits of one recipe, row by row: what kernels score in blocks, and comparisons need whole."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64

from radin.recipe import Recipe
from radin.scoring.surrogate.dense_kernel import Bank


def averaged(recipe: Recipe, bank: Bank) -> Float64[np.ndarray, "M ..."]:
    """The averaged logits of a recipe on all rows of a bank, in float64.

    Arguments:
        recipe: over the bank's ingredients; only those with a weight are read.
        bank: holds their logits, `[M, C]` each.
    """
    (first, weight), *rest = recipe.parts
    total = weight * _read(bank, first)
    for i, weight in rest:
        total += weight * _read(bank, i)
    return total


def _read(bank: Bank, i: int) -> Float64[np.ndarray, "M ..."]:
    return np.asarray(bank.read(i, 0, bank.n_samples), np.float64)
