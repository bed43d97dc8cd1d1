"""The loops of `lookup_kernel`, `partition_kernel` and `tempered_moments`, compiled by numba.

Importing this module takes a moment, so it is imported only when it saves time.

Machine code is kept beside this file or, where that cannot be written, in the user's cache folder; compiling takes
about two seconds, loading what was kept a fifth of that.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

if vars(numba.config)["DISABLE_JIT"]:
    raise ImportError("numba is told not to compile (NUMBA_DISABLE_JIT), and as plain Python these loops take forever")


#: Coefficients of the minimax polynomial of `2^f` on [−½, ½], from the constant upwards.
POWERS_OF_TWO = (
    1.000000071654624,
    0.6931469670646021,
    0.24022119724060612,
    0.055507132738828936,
    0.009675541327578583,
    0.0013276471870428657,
)


def _compile(function: Callable[..., Any]) -> Any:
    # Sums keep their order. That there is no NaN, and no difference between 0 and −0, lets minima be vectorised.
    # Products may be fused with sums.
    options: dict[str, Any] = {"nogil": True, "boundscheck": False, "fastmath": {"nnan", "nsz", "contract"}}
    plain = inspect.unwrap(function)  # without the shape checks that tests put around every function
    try:
        return numba.njit(cache=True, **options)(plain)
    except RuntimeError:  # no folder to keep machine code in
        return numba.njit(**options)(plain)


@_compile
def number(masks: np.ndarray, bits: int, entries: np.ndarray, sizes: np.ndarray) -> None:
    """Computes the entry of each group's table that is the sum over a subset's members, and the number of members."""
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


@_compile
def power_of_two(total: np.int32, scale: np.float32) -> np.float32:
    """`2^(scale · total)` for a total of at most 0, at least 2⁻¹²⁶; `2^f` is the minimax polynomial of degree 5."""
    t = max(np.float32(total) * scale, np.float32(-126))
    whole = np.int32(t - np.float32(0.5))
    f = t - np.float32(whole)
    power = np.float32(POWERS_OF_TWO[5])
    power = power * f + np.float32(POWERS_OF_TWO[4])
    power = power * f + np.float32(POWERS_OF_TWO[3])
    power = power * f + np.float32(POWERS_OF_TWO[2])
    power = power * f + np.float32(POWERS_OF_TWO[1])
    power = power * f + np.float32(POWERS_OF_TWO[0])
    return power * np.int32((whole + np.int32(127)) << np.int32(23)).view(np.float32)


@_compile
def log_of_partitions(terms: np.ndarray, constants: np.ndarray, samples: int) -> float:
    """The sum over the samples of a tile of `log Z`, `Z = constant + Σ_c term of c`; overwrites the terms.

    The terms are those of the first class of every sample, of the second of every sample, and so on. They are summed in
    pairs, the sums in pairs again, and so on.
    """
    width = len(constants)
    left = len(terms) // width
    while left > 1:
        half = left // 2
        low, high = terms[: half * width], terms[(left - half) * width : left * width]
        for r in range(len(low)):
            low[r] += high[r]
        left -= half
    total = 0.0
    for first in range(0, samples, 8):  # one logarithm for eight samples
        product = 1.0
        for s in range(first, min(first + 8, samples)):
            product *= constants[s] + terms[s]
        total += math.log(product)
    return total


@_compile
def add_subsets(
    tables: np.ndarray,
    entries: np.ndarray,
    scales: np.ndarray,
    constants: np.ndarray,
    samples: int,
    out: np.ndarray,
) -> None:
    """Adds the logs of partitions of a tile to `out[k]`, by sums of table entries; `entries[k, groups]` says which."""
    width, last = tables.shape[2], entries.shape[1] - 4
    sums, terms = np.zeros(width, dtype=np.int32), np.empty(width, dtype=np.float32)
    for k in range(len(entries)):
        scale = scales[k]
        for g in range(0, last, 4):
            first, second = tables[g, entries[k, g]], tables[g + 1, entries[k, g + 1]]
            third, fourth = tables[g + 2, entries[k, g + 2]], tables[g + 3, entries[k, g + 3]]
            if g == 0:
                for r in range(width):
                    sums[r] = (first[r] + second[r]) + (third[r] + fourth[r])
            else:
                for r in range(width):
                    sums[r] += (first[r] + second[r]) + (third[r] + fourth[r])
        first, second = tables[last, entries[k, last]], tables[last + 1, entries[k, last + 1]]
        third, fourth = tables[last + 2, entries[k, last + 2]], tables[last + 3, entries[k, last + 3]]
        if last:
            for r in range(width):
                terms[r] = power_of_two(np.int32(sums[r] + first[r] + second[r] + third[r] + fourth[r]), scale)
        else:
            for r in range(width):
                terms[r] = power_of_two(np.int32(first[r] + second[r] + third[r] + fourth[r]), scale)
        out[k] += log_of_partitions(terms, constants, samples)


@_compile
def add_moves(
    matrix: np.ndarray,
    members: np.ndarray,
    steps: np.ndarray,
    scales: np.ndarray,
    constants: np.ndarray,
    samples: int,
    out: np.ndarray,
) -> None:
    """Adds the logs of partitions of a tile to `out[k]`, for moves from the subset of these members.

    `steps[k]` are the ingredient that leaves and the one that comes in, −1 for none.
    """
    base = np.zeros(matrix.shape[1], dtype=np.int32)
    for i in members:
        row = matrix[i]
        for r in range(len(base)):
            base[r] += row[r]
    none, terms = np.zeros_like(base), np.empty(len(base), dtype=np.float32)
    for k in range(len(steps)):
        leaves = matrix[steps[k, 0]] if steps[k, 0] >= 0 else none
        comes = matrix[steps[k, 1]] if steps[k, 1] >= 0 else none
        scale = scales[k]
        for r in range(len(base)):
            terms[r] = power_of_two(np.int32(base[r] - leaves[r] + comes[r]), scale)
        out[k] += log_of_partitions(terms, constants, samples)


@_compile
def add_moments(
    held: np.ndarray,
    leaves: np.ndarray,
    comes: np.ndarray,
    scale: np.float32,
    samples: int,
    sums: np.ndarray,
    out: np.ndarray,
) -> None:
    """Adds to `out[3]` the sums over a tile's samples of log Z and of mean and variance of its exponents.

    Z is the sum over classes of `2^x`, x being `scale · (held − leaves + comes)`; mean and variance of x are those
    under the shares of Z. `sums[3, width]` is room to work in.
    """
    z, first, second = sums[0], sums[1], sums[2]
    width = len(z)
    sums[:] = np.float32(0)
    for start in range(0, len(held), width):
        rows = slice(start, start + width)
        kept, less, more = held[rows], leaves[rows], comes[rows]
        for r in range(width):
            total = np.int32(kept[r] - less[r] + more[r])
            x = np.float32(total) * scale
            term = power_of_two(total, scale)
            z[r] += term
            first[r] += term * x
            second[r] += term * x * x
    logs = means = variances = 0.0
    for s in range(samples):
        mean = first[s] / z[s]
        means += mean
        variances += second[s] / z[s] - mean * mean
    for start in range(0, samples, 8):  # one logarithm for eight samples
        product = 1.0
        for s in range(start, min(start + 8, samples)):
            product *= z[s]
        logs += math.log(product)
    out[0] += logs
    out[1] += means
    out[2] += variances


@_compile
def moments_of_subsets(
    matrix: np.ndarray, masks: np.ndarray, scales: np.ndarray, width: int, samples: int, out: np.ndarray
) -> None:
    """Adds the moments of a tile to `out[k, 3]`, for subsets `masks[k, n]`."""
    held, none = np.zeros(matrix.shape[1], dtype=np.int32), np.zeros(matrix.shape[1], dtype=np.int32)
    sums = np.empty((3, width), dtype=np.float32)
    for k in range(len(masks)):
        held[:] = 0
        for i in range(masks.shape[1]):
            if masks[k, i]:
                row = matrix[i]
                for r in range(len(held)):
                    held[r] += row[r]
        add_moments(held, none, none, scales[k], samples, sums, out[k])


@_compile
def moments_of_moves(
    matrix: np.ndarray,
    mask: np.ndarray,
    steps: np.ndarray,
    scales: np.ndarray,
    width: int,
    samples: int,
    out: np.ndarray,
) -> None:
    """Adds the moments of a tile to `out[k, 3]`, for moves from a subset; `steps` as in `add_moves`."""
    held, none = np.zeros(matrix.shape[1], dtype=np.int32), np.zeros(matrix.shape[1], dtype=np.int32)
    sums = np.empty((3, width), dtype=np.float32)
    for i in range(len(mask)):
        if mask[i]:
            row = matrix[i]
            for r in range(len(held)):
                held[r] += row[r]
    for k in range(len(steps)):
        leaves = matrix[steps[k, 0]] if steps[k, 0] >= 0 else none
        comes = matrix[steps[k, 1]] if steps[k, 1] >= 0 else none
        add_moments(held, leaves, comes, scales[k], samples, sums, out[k])
