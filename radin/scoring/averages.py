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
    first, *rest = recipe.members
    total = _weighted(recipe, bank, first)
    for i in rest:
        total += _weighted(recipe, bank, i)
    return total


def _weighted(recipe: Recipe, bank: Bank, i: int) -> Float64[np.ndarray, "M ..."]:
    return recipe.weights[i] * np.asarray(bank.read(i, 0, bank.n_samples), np.float64)
