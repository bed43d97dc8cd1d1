"""All one-ingredient moves of a recipe at once, from its running margins.

The margins of `S ± i` are those of S, plus or minus the margins of ingredient i: one addition each instead of a product
over all ingredients. With m coefficients other than 0, s their sum, the margins of S are computed within `γ_{m+4} s`
(see `margin_kernel`). Two more terms of at most 1, added with two roundings, keep all moves within `γ_{m+6} (s + 2)`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64, Int64

from radin.scoring.moves import Moves, rows_at_once
from radin.scoring.surrogate.exact_arithmetic import U32, gamma
from radin.scoring.surrogate.float32 import uses_ieee_float32
from radin.scoring.surrogate.margin_kernel import Fill, MarginKernel
from radin.scoring.surrogate.margin_tiles import Tile
from radin.scoring.surrogate.scorer import coefficients_of

if TYPE_CHECKING:
    import torch


def step_hits(
    kernel: MarginKernel,
    base: Float64[np.ndarray, " n"],
    signs: Float64[np.ndarray, " n"],
    decided: Moves | None = None,
) -> Int64[np.ndarray, "n g"]:
    """Right samples per group of the n recipes with coefficients `base + signs[i] eᵢ`.

    Arguments:
        kernel: counts them.
        base: whole coefficients of the recipe that is moved from.
        signs: of each ingredient, 1 to add it and −1 to take it away.
        decided: the recipes, by whose coefficients samples in doubt are decided: they are multiples of the same recipes
            up to rounding to float64; the coefficients above by default.
    """
    import torch

    n, running = len(base), _running(kernel, base)
    steps = torch.from_numpy(signs.astype(np.float32)).to(kernel.device)

    def hits(start: int, stop: int) -> Int64[np.ndarray, "k g"]:
        """Those of the recipes that are moved in one of the ingredients `start` to `stop - 1`."""

        def fill(rows: slice) -> Fill:
            moved = slice(start + rows.start, start + rows.stop)

            def stepped(tile: Tile, out: torch.Tensor) -> None:
                torch.addcmul(running(tile), tile.matrix[:, moved], steps[moved], out=out)

            return stepped

        return kernel.count(coefficients(start, stop), _bounds(base, stop - start), fill)

    def coefficients(start: int, stop: int) -> Float64[np.ndarray, "k n"]:
        if decided is not None:
            return coefficients_of(decided.make(np.arange(start, stop)))
        rows = np.repeat(base[None], stop - start, axis=0)
        rows[np.arange(stop - start), np.arange(start, stop)] += signs[start:stop]
        return rows

    step = rows_at_once(n)
    return np.concatenate([hits(start, min(start + step, n)) for start in range(0, n, step)])


def swap_hits(
    kernel: MarginKernel,
    base: Float64[np.ndarray, " n"],
    members: Int64[np.ndarray, " a"],
    others: Int64[np.ndarray, " b"],
) -> Int64[np.ndarray, "a*b g"]:
    """Right samples per group of the recipes that have one of `others` in the place of one of `members`.

    Arguments:
        kernel: counts them.
        base: coefficients of the subset that is moved from.
        members: ingredients that leave, the slower index of the result.
        others: ingredients that come in.
    """
    import torch

    running = _running(kernel, base)
    leave, come = torch.from_numpy(members).to(kernel.device), torch.from_numpy(others).to(kernel.device)
    width = len(others)

    def hits(start: int, stop: int) -> Int64[np.ndarray, "k g"]:
        """Those of the recipes that one of the members `start` to `stop - 1` leaves."""

        def fill(rows: slice) -> Fill:
            leaving = leave[start + rows.start // width : start + rows.stop // width]

            def swapped(tile: Tile, out: torch.Tensor) -> None:
                without = running(tile) - tile.matrix.index_select(1, leaving)
                coming = tile.matrix.index_select(1, come)
                torch.add(without[:, :, None], coming[:, None, :], out=out.view(tile.rows, len(leaving), width))

            return swapped

        some = members[start:stop]
        coefficients = np.repeat(base[None], len(some) * width, axis=0)
        rows = np.arange(len(coefficients))
        coefficients[rows, np.repeat(some, width)] -= 1
        coefficients[rows, np.tile(others, len(some))] += 1
        return kernel.count(coefficients, _bounds(base, len(coefficients)), fill, unit=width)

    step = max(1, rows_at_once(len(base)) // width)
    return np.concatenate([hits(start, min(start + step, len(members))) for start in range(0, len(members), step)])


def _running(kernel: MarginKernel, base: Float64[np.ndarray, " n"]) -> Callable[[Tile], torch.Tensor]:
    """Computes the margins of the recipe that is moved from, float32[rows, 1]."""
    import torch

    weights = torch.from_numpy(base).to(kernel.device)
    if not uses_ieee_float32(kernel.device):
        return lambda tile: (tile.matrix.double() @ weights).float()[:, None]
    narrow = weights.float()
    return lambda tile: torch.mv(tile.matrix, narrow)[:, None]


def _bounds(base: Float64[np.ndarray, " n"], k: int) -> Float64[np.ndarray, " k"]:
    return np.full(k, gamma(np.count_nonzero(base) + 6, U32) * (float(base.sum()) + 2))
