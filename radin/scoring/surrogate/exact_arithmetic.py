"""Real arithmetic on stored logits, for comparisons that floating point cannot decide.

The truth of a recipe is Σ cᵢ Lᵢ over its members, in real numbers, for coefficients cᵢ that are all 1 for a subset
and the float64 mixing weights otherwise. Dividing by Σ cᵢ changes no comparison, so nothing is divided.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from jaxtyping import Float64, Shaped

#: Unit roundoff of float32 and float64.
U32 = 2.0**-24
U64 = 2.0**-53


def gamma(operations: Any, unit: float) -> Any:
    """Bound `γ = ν u / (1 − ν u)` on the relative error of ν roundings (Higham 2002, lemma 3.1).

    `operations` is a number, or an array of numbers. The bound holds for sums in any order, with or without fused
    multiply-add, relative to the sum of absolute values. It is itself computed in floating point, so it is taken a
    little larger.
    """
    return 1.0001 * operations * unit / (1 - operations * unit)


def float64_is_exact(dtype: np.dtype, coefficients: Float64[np.ndarray, "k n"]) -> bool:
    """Whether sums of margins are free of rounding in float64, in any order.

    float16 numbers are multiples of 2⁻²⁴ below 2¹⁶, their differences below 2¹⁷. With whole coefficients that sum
    to at most 2¹¹ every partial sum is a multiple of 2⁻²⁴ below 2²⁸, which float64 holds exactly (52 of 53 bits).
    """
    if dtype != np.float16 or not coefficients.size:
        return False
    return bool((coefficients == np.rint(coefficients)).all() and coefficients.sum(axis=1).max() <= 2**11)


def exact_sign(
    coefficients: Float64[np.ndarray, " n"], left: Shaped[np.ndarray, " n"], right: Shaped[np.ndarray, " n"]
) -> int:
    """Sign of `Σ cᵢ (leftᵢ − rightᵢ)` in real arithmetic: −1, 0 or 1."""
    members = coefficients != 0
    c, a, b = coefficients[members].tolist(), left[members].tolist(), right[members].tolist()
    if all(x == 1 for x in c):
        try:  # fsum is the exact sum, rounded once, and so has its sign
            total = math.fsum(a + [-x for x in b])
            return (total > 0) - (total < 0)
        except OverflowError:
            pass  # a partial sum beyond the largest float64
    exact = sum((Fraction(w) * (Fraction(x) - Fraction(y)) for w, x, y in zip(c, a, b, strict=True)), Fraction(0))
    return (exact > 0) - (exact < 0)


def exact_argmax(coefficients: Float64[np.ndarray, " n"], logits: Shaped[np.ndarray, "n c"]) -> int:
    """The class of the largest `Σ cᵢ Lᵢ` in real arithmetic, the lowest of equal ones."""
    best = 0
    for rival in range(1, logits.shape[1]):
        if exact_sign(coefficients, logits[:, rival], logits[:, best]) > 0:
            best = rival
    return best
