"""The loops of `lookup_kernel`, compiled by numba. Importing this takes a moment, so it is imported when it pays.

Machine code is kept beside this file or, where that cannot be written, in the user's cache folder; compiling takes
about two seconds, loading what was kept a fifth of that.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

if vars(numba.config)["DISABLE_JIT"]:
    raise ImportError("numba is told not to compile (NUMBA_DISABLE_JIT), and as plain Python these loops take forever")


def _compile(function: Callable[..., None]) -> Any:
    # Sums keep their order. That there is no NaN, and no difference between 0 and −0, lets minima be vectorised.
    options: dict[str, Any] = {"nogil": True, "boundscheck": False, "fastmath": {"nnan", "nsz"}}
    plain = inspect.unwrap(function)  # without the shape checks that tests put around every function
    try:
        return numba.njit(cache=True, **options)(plain)
    except RuntimeError:  # no folder to keep machine code in
        return numba.njit(**options)(plain)


@_compile
def number(masks: np.ndarray, bits: int, entries: np.ndarray, sizes: np.ndarray) -> None:
    """Which entry of each group's table is the sum over a subset's members, and how many members it has."""
    for k in range(len(masks)):
        for g in range(entries.shape[1]):
            entry = 0
            for i in range(g * bits, min((g + 1) * bits, masks.shape[1])):
                entry |= masks[k, i] << (i - g * bits)
                sizes[k] += masks[k, i]
            entries[k, g] = entry


@_compile
def tabulate(matrix: np.ndarray, sums: np.ndarray) -> None:
    """Sums of all subsets of every b rows of `matrix[groups · b, width]`, into `sums[groups, 2^b, width]`."""
    groups, _, width = sums.shape
    bits = len(matrix) // groups
    for g in range(groups):
        sums[g, 0] = 0
        for b in range(bits):
            half = 1 << b
            for e in range(half):
                for s in range(width):
                    sums[g, half + e, s] = sums[g, e, s] + matrix[g * bits + b, s]


@_compile
def tally(
    sums: np.ndarray, entries: np.ndarray, depth: int, limits: np.ndarray, hits: np.ndarray, near: np.ndarray
) -> None:
    """Adds the right samples of a tile to `hits[k]`, or sets `near[k]` where a deciding margin is within the limit.

    Margins are sums of one entry of each group, four groups at a time: `entries[k, groups]` says which.
    """
    width = sums.shape[2] // depth
    least = np.empty(width, dtype=np.float32)
    margin = np.empty(width, dtype=np.float32)
    for k in range(len(entries)):
        for rival in range(depth):
            rows = slice(rival * width, (rival + 1) * width)
            out = margin if rival else least
            for g in range(0, entries.shape[1], 4):
                first, second = sums[g, entries[k, g], rows], sums[g + 1, entries[k, g + 1], rows]
                third, fourth = sums[g + 2, entries[k, g + 2], rows], sums[g + 3, entries[k, g + 3], rows]
                if g == 0:
                    for s in range(width):
                        out[s] = (first[s] + second[s]) + (third[s] + fourth[s])
                else:
                    for s in range(width):
                        out[s] += (first[s] + second[s]) + (third[s] + fourth[s])
            if rival:
                for s in range(width):
                    least[s] = min(least[s], margin[s])
        right = unclear = np.int32(0)
        for s in range(width):
            right += np.int32(least[s] > limits[k])
            unclear += np.int32(abs(least[s]) <= limits[k])
        near[k] = unclear > 0
        if unclear == 0:
            hits[k] += right
