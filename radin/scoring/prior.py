"""The prior over recipes: more ingredients are a little better, all else being equal."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from radin.errors import InputError


def validate_strength(lam: Any) -> float:
    """λ as a float.

    Raises:
        InputError: λ is negative, infinite or not a number.
    """
    try:
        strength = float(lam)
    except (TypeError, ValueError) as error:
        raise InputError(f"the prior's strength λ must be a number of at least 0, got {lam!r}") from error
    if not (np.isfinite(strength) and strength >= 0):
        raise InputError(f"the prior's strength λ must be finite and at least 0, got {strength}")
    return strength


def prior_terms(n_eff: Float64[np.ndarray, " k"], n: int, lam: float, se: float) -> Float64[np.ndarray, " k"]:
    """`λ · se · (n_eff − 1) / (N − 1)`, in units of the metric's score; 0 for pools of one.

    Arguments:
        n_eff: effective numbers of ingredients, `1 / Σ wᵢ²`.
        n: size N of the pool.
        lam: strength λ; 1 says *a soup of everything may be one standard error worse and still win*.
        se: standard error of the best ingredient's metric.
    """
    if n == 1 or lam == 0:
        return np.zeros(len(n_eff))
    return lam * se * (n_eff - 1) / (n - 1)
