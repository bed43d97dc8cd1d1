"""All subsets in order of their numbers: each margin one sum of two, one from either part of the pool.

Numbers with the same upper bits share what the upper ingredients add, those with the same lower bits what the lower
ones do. So a block of `2^h` lower and `b` upper parts needs `2^h + b` products for its `2^h b` margins, and one
addition each. A margin is still the sum of its members' terms, in another order, which the float32 bound of the
counting kernel allows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from radin.scoring.surrogate.exact_arithmetic import U32, gamma
from radin.scoring.surrogate.float32 import uses_ieee_float32
from radin.scoring.surrogate.margin_kernel import Fill, MarginKernel
from radin.scoring.surrogate.margin_tiles import Tile

if TYPE_CHECKING:
    import torch

#: Ingredients in the lower part: the sums of all their subsets, for one tile, stay in the cache.
_LOWER = 6


def range_hits(kernel: MarginKernel, start: int, coefficients: Float64[np.ndarray, "k n"]) -> Int64[np.ndarray, "k g"]:
    """Right samples per group of consecutive subsets.

    Arguments:
        kernel: counts them.
        start: number of the first subset, at least 1; ingredient i is in it iff bit i is set.
        coefficients: the members of each, 1 or 0.
    """
    import torch

    n = coefficients.shape[1]
    lower = min(_LOWER, n)
    width = 2**lower
    # Blocks begin where the lower bits are 0. Rows outside of the range, the empty subset too, are never in doubt.
    before, after = start % width, -(start + len(coefficients)) % width
    padded = np.pad(coefficients, ((before, after), (0, 0)))
    bounds = gamma(padded.sum(axis=1) + 4, U32) * padded.sum(axis=1)
    bounds[:before] = bounds[len(padded) - after :] = -1
    first = start // width
    low = _bits(np.arange(width), lower).to(kernel.device)
    ieee = uses_ieee_float32(kernel.device)

    def product(matrix: torch.Tensor, bits: torch.Tensor) -> torch.Tensor:
        return matrix @ bits if ieee else (matrix.double() @ bits.double()).float()

    def fill(rows: slice) -> Fill:
        high = _bits(np.arange(rows.start // width, rows.stop // width) + first, n - lower).to(kernel.device)

        def summed(tile: Tile, out: torch.Tensor) -> None:
            lows, highs = product(tile.matrix[:, :lower], low), product(tile.matrix[:, lower:], high)
            torch.add(highs[:, :, None], lows[:, None, :], out=out.view(tile.rows, -1, width))

        return summed

    hits = kernel.count(padded, bounds, fill, unit=width)
    return hits[before : len(padded) - after]


def _bits(numbers: Int64[np.ndarray, " k"], n: int) -> torch.Tensor:
    """The lowest n bits of each number, float32[n, k]."""
    import torch

    return torch.from_numpy((numbers >> np.arange(n)[:, None] & 1).astype(np.float32))
