"""All one-ingredient moves of a recipe at once, from its running margins.

The margins of `S ± i` are those of S, plus or minus the margins of ingredient i: one addition each instead of a product
over all ingredients. With the recipe's margins computed within `γ_{m+4} s` (`counting`), s being the sum of its
coefficients, two more additions of terms of at most 1 keep all moves within `γ_{m+6} (s + 2)`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.surrogate.counting import Fill, MarginKernel
from radin.surrogate.exact import U32, gamma
from radin.surrogate.tiles import Tile

if TYPE_CHECKING:
    import torch


def move_hits(
    kernel: MarginKernel, base: Float64[np.ndarray, " n"], changes: Float64[np.ndarray, "k n"]
) -> Int64[np.ndarray, "k g"]:
    """Right samples per group of the recipes with coefficients `base + change`.

    Arguments:
        kernel: counts them.
        base: whole coefficients of the recipe that is moved from.
        changes: rows with one +1, one −1, or both.
    """
    import torch

    out_of, into = (changes < 0).argmax(axis=1), (changes > 0).argmax(axis=1)
    plus = torch.from_numpy((changes > 0).any(axis=1).astype(np.float32)).to(kernel.device)
    minus = torch.from_numpy((changes < 0).any(axis=1).astype(np.float32)).to(kernel.device)
    add, drop = torch.from_numpy(into).to(kernel.device), torch.from_numpy(out_of).to(kernel.device)
    weights = torch.from_numpy(base).to(kernel.device)
    both = bool(((changes > 0).any(axis=1) & (changes < 0).any(axis=1)).any())
    signs, single = (plus - minus)[None], torch.where(plus > 0, add, drop)

    def fill(rows: slice) -> Fill:
        def shifted(tile: Tile, out: torch.Tensor) -> None:
            running = (tile.matrix.double() @ weights).float()[:, None]
            if both:
                torch.addcmul(running, tile.matrix[:, add[rows]], plus[rows], out=out)
                out.addcmul_(tile.matrix[:, drop[rows]], minus[rows], value=-1)
            else:
                torch.addcmul(running, tile.matrix[:, single[rows]], signs[0, rows], out=out)

        return shifted

    total = float(base.sum())
    bound = gamma(int((base != 0).sum()) + 6, U32) * (total + 2)
    return kernel.count(base + changes, np.full(len(changes), bound), fill)


def flips(mask: Bool[np.ndarray, " n"]) -> Float64[np.ndarray, "n n"]:
    """For each ingredient, the change that takes it in, or out."""
    return np.diag(np.where(mask, -1.0, 1.0))


def exchanges(mask: Bool[np.ndarray, " n"]) -> Float64[np.ndarray, "k n"]:
    """The changes that exchange one member for one non-member, members first."""
    members, others = np.flatnonzero(mask), np.flatnonzero(~mask)
    changes = np.zeros((len(members) * len(others), len(mask)))
    rows = np.arange(len(changes))
    changes[rows, np.repeat(members, len(others))] = -1
    changes[rows, np.tile(others, len(members))] = 1
    return changes
