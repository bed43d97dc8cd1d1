"""Accuracy of many subsets by table lookup: each margin is the sum of a few table entries.

The ingredients are taken in groups of b, and the sums of all subsets of each group tabulated, for one tile of live rows
at a time. A margin then takes `N / b` additions instead of N multiplications (the "method of four Russians", Arlazarov
et al. 1970); minimum, sign and count follow while it is in a register. Several times as fast as matrix products, but
only as compiled code: this needs numba (the extra `fast`).

A margin is the sum of its members' terms, so the float32 bound of `margin_kernel` holds. A subset with a
deciding margin within it has its margins on that tile summed again, in float64. That leaves the rounding of the terms:
they are within `3 u` times the subset's size of the true ones; what is nearer to 0 than that is decided from the stored
logits.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, UInt8

from radin.scoring.surrogate.exact_arithmetic import U32, gamma
from radin.scoring.surrogate.margin_tiles import scaled_margins
from radin.scoring.surrogate.margins import LiveMargins
from radin.scoring.surrogate.parallel import run, workers
from radin.scoring.surrogate.undecided import decide

#: Least number of subsets in a batch, and largest number of ingredients, for which tables are made.
FEWEST, MOST_INGREDIENTS = 1024, 64

_ENTRIES = 2048  # of the tables, per live row; more if groups of four ingredients need more
_VALUES = 1 << 19  # entries of the tables of one tile: 2 MiB
_ROWS = (
    1024  # of one tile at most: its margins stay in a core's first cache, which counts where few ingredients add few
)
_AGAIN = 1 << 10  # subsets whose margins on a tile are summed again together
_DOUBTS = 1 << 12  # samples in doubt that are decided at once
_LANES = 16  # samples of a tile are a multiple of this, as vector instructions need

#: Open samples, and the subsets for which they are in doubt.
_Doubts = tuple[np.ndarray, np.ndarray]


@cache
def compiled() -> Any:
    """The compiled loops; None where numba is not installed, or does not work with the installed numpy."""
    try:
        from radin.scoring.surrogate import numba_loops as loops
    except ImportError:
        return None
    return loops


def is_loaded() -> bool:
    """Whether the compiled loops were loaded."""
    return "radin.scoring.surrogate.numba_loops" in sys.modules


@dataclass(frozen=True)
class _Tile:
    """Margins of some samples: the first rival of every one, the second of every one, ..."""

    matrix: Float32[np.ndarray, "filled rows"]
    members: Int64[np.ndarray, " s"]
    depth: int


class LookupKernel:
    """Counts the right samples of subsets, exactly, on the CPU.

    Arguments:
        live: the open samples and the rivals that decide them, prepared for accuracy.
    """

    def __init__(self, live: LiveMargins) -> None:
        n = live.rivals.shape[1]
        bits = next(b for b in (8, 7, 6, 5, 4) if b == 4 or -(-n // b) << b <= _ENTRIES)
        self._groups = -(-n // (4 * bits)) * 4
        self._bits = -(-n // self._groups)
        self._live = live
        self._tiles = _cut(live, min(_VALUES // (self._groups << self._bits), _ROWS), self._groups * self._bits)

    def hits(self, masks: Bool[np.ndarray, "k n"]) -> Int64[np.ndarray, " k"]:
        """Number of open samples that each subset gets right."""
        entries = np.empty((len(masks), self._groups), dtype=np.uint8)
        sizes = np.zeros(len(masks), dtype=np.int64)
        compiled().number(masks, self._bits, entries, sizes)
        limits = (gamma(sizes + 4, U32) * sizes * (1 + 2.0**-20)).astype(np.float32)
        pieces = 4 * workers()

        def count(first: int) -> Int64[np.ndarray, " k"]:
            return self._count(self._tiles[first::pieces], masks, entries, limits)

        none = np.zeros(len(masks), dtype=np.int64)
        return sum(run(count, range(min(pieces, len(self._tiles))), workers()), start=none)

    def _count(
        self,
        tiles: list[_Tile],
        masks: Bool[np.ndarray, "k n"],
        entries: UInt8[np.ndarray, "k groups"],
        limits: Float32[np.ndarray, " k"],
    ) -> Int64[np.ndarray, " k"]:
        hits = np.zeros(len(masks), dtype=np.int64)
        near = np.empty(len(masks), dtype=bool)
        doubts: list[_Doubts] = []
        for tile in tiles:
            sums = np.empty((self._groups, 1 << self._bits, tile.matrix.shape[1]), dtype=np.float32)
            compiled().tabulate(tile.matrix, sums)
            compiled().tally(sums, entries, tile.depth, limits, hits, near)
            which = np.flatnonzero(near)
            for some in np.split(which, range(_AGAIN, len(which), _AGAIN)):
                doubts.append(_look_again(tile, masks, some, hits))
                if sum(len(samples) for samples, _ in doubts) > _DOUBTS:
                    hits += self._decided(doubts, masks)
                    doubts.clear()
        return hits + self._decided(doubts, masks)

    def _decided(self, doubts: list[_Doubts], masks: Bool[np.ndarray, "k n"]) -> Int64[np.ndarray, " k"]:
        """Number of samples in doubt that each subset gets right."""
        if not doubts:
            return np.zeros(len(masks), dtype=np.int64)
        samples, subsets = (np.concatenate(column) for column in zip(*doubts, strict=True))
        won = subsets[decide(self._live, samples, subsets, masks)]
        return np.bincount(won, minlength=len(masks))


def _look_again(
    tile: _Tile, masks: Bool[np.ndarray, "k n"], some: Int64[np.ndarray, " s"], hits: Int64[np.ndarray, " k"]
) -> tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]:
    """Counts a tile for some subsets, from margins in float64; returns the samples and subsets still in doubt."""
    weights = masks[some].astype(np.float64)
    margins = weights @ tile.matrix[: masks.shape[1]].astype(np.float64)
    deciding = margins.reshape(len(some), tile.depth, margins.shape[1] // tile.depth).min(axis=1)
    doubtful = np.abs(deciding) <= 3 * U32 * weights.sum(axis=1, keepdims=True)
    hits[some] += ((deciding > 0) & ~doubtful).sum(axis=1)
    subsets, samples = np.nonzero(doubtful)
    return tile.members[samples], some[subsets]


def _cut(live: LiveMargins, rows: int, filled: int) -> list[_Tile]:
    """Tiles of about so many rows, from deep to shallow; the last samples are filled up with ones wrong by far."""
    depths = np.diff(live.starts)
    order = np.argsort(-depths, kind="stable")
    tiles, start = [], 0
    while start < len(order):
        depth = int(depths[order[start]])
        members = order[start : start + max(rows // depth // _LANES, 1) * _LANES]
        margins = scaled_margins(live, members, depth).reshape(depth, len(members), -1)
        missing = -len(members) % _LANES
        margins = np.pad(margins, ((0, 0), (0, missing), (0, 0)), constant_values=-1)
        matrix = margins.reshape(-1, margins.shape[2]).T
        matrix = np.pad(matrix, ((0, filled - len(matrix)), (0, 0)))
        tiles.append(_Tile(np.ascontiguousarray(matrix), members, depth))
        start += len(members)
    return tiles
