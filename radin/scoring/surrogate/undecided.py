"""Decides the samples that float32 could not: in float64, and where that is not enough, exactly."""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.scoring.surrogate.exact_arithmetic import U64, exact_sign, float64_is_exact, gamma
from radin.scoring.surrogate.margins import LiveMargins

#: Margins held in float64 at once: 4 MiB.
CHUNK_VALUES = 1 << 19


def decide(
    live: LiveMargins,
    samples: Int64[np.ndarray, " p"],
    recipes: Int64[np.ndarray, " p"],
    coefficients: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"],
) -> Bool[np.ndarray, " p"]:
    """Whether the label wins, for pairs of an open sample and a recipe, in real arithmetic.

    Arguments:
        live: the open samples.
        samples: positions among the open samples.
        recipes: rows of `coefficients`.
        coefficients: masks of subsets, or coefficients: 1 for each member, or mixing weights.
    """
    out = np.empty(len(samples), dtype=bool)
    widths = live.starts[samples + 1] - live.starts[samples]
    ends = np.cumsum(widths)
    budget = max(1, CHUNK_VALUES // coefficients.shape[1])
    first = 0
    while first < len(samples):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + budget, side="right")))
        chosen = coefficients[recipes[first:last]].astype(np.float64)
        out[first:last] = _decide(live, samples[first:last], chosen)
        first = last
    return out


def _decide(
    live: LiveMargins,
    samples: Int64[np.ndarray, " p"],
    coefficients: Float64[np.ndarray, "p n"],
) -> Bool[np.ndarray, " p"]:
    """One chunk. With `t = Σ cᵢ Dᵢ` in float64, `|t − truth| ≤ γ_{n+2} Σ |cᵢ Dᵢ|`: one rounding in each difference, one
    in each product, n − 1 in the sum; far below the smallest float64 that any logits in use multiply to, 10⁻³⁰⁰ covers
    underflow."""
    widths = live.starts[samples + 1] - live.starts[samples]
    pair = np.repeat(np.arange(len(samples)), widths)
    rows = np.arange(len(pair)) - np.repeat(np.cumsum(widths) - widths, widths) + live.starts[samples][pair]
    weights = coefficients[pair]
    with np.errstate(over="ignore", invalid="ignore"):
        margins = live.own[samples[pair]].astype(np.float64) - live.rivals[rows].astype(np.float64)
        terms = weights * margins
        totals = terms.sum(axis=1)
        if float64_is_exact(live.rivals.dtype, coefficients):
            doubtful = np.zeros(0, dtype=np.int64)
        else:
            bound = gamma(coefficients.shape[1] + 2, U64) * np.abs(terms).sum(axis=1) + 1e-300
            doubtful = np.flatnonzero(~(np.abs(totals) > bound))
    signs = np.sign(totals)
    for i in doubtful:
        signs[i] = exact_sign(weights[i], live.own[samples[pair[i]]], live.rivals[rows[i]])
    unbeaten = (signs < 0) | ((signs == 0) & ~live.wins_ties[rows])
    return np.bincount(pair[unbeaten], minlength=len(samples)) < live.places[samples]
