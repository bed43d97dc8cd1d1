"""Live margins as matrices that fit the cache: samples with about the same number of rivals are in one tile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float32, Int64

from radin.scoring.surrogate.margins import LiveMargins

if TYPE_CHECKING:
    import torch


_ROWS = {"cpu": 1024}  # rows of a tile
_ROWS_ELSEWHERE = 1 << 16  # the same on devices that work on more at once


@dataclass(frozen=True)
class Tile:
    """Margins of some samples, `[depth · samples, n]`: the first rival of every sample, the second of every one, ...

    Samples with fewer rivals are filled up with rows of ones: rivals that every recipe beats, by far.

    Attributes:
        matrix: the margins, each row scaled by a power of two to at most 1, rounded to float32.
        members: which open samples these are.
        depth: rivals per sample.
        needed: float32[samples, 1], how many rivals have to be beaten, less one; None if all have to be.
        groups: the group that each sample is counted in; None if there is one only.
    """

    matrix: torch.Tensor
    members: Int64[np.ndarray, " s"]
    depth: int
    needed: torch.Tensor | None
    groups: torch.Tensor | None

    @property
    def samples(self) -> int:
        """Samples in this tile."""
        return len(self.members)

    @property
    def rows(self) -> int:
        """Rows of the matrix."""
        return self.depth * len(self.members)

    def deciding(self, margins: torch.Tensor) -> torch.Tensor:
        """The margins that decide: of each sample the least one, or all of them where some may be unbeaten."""
        if self.depth == 1 or self.needed is not None:
            return margins
        return margins.view(self.depth, self.samples, -1).amin(dim=0)

    def right(self, deciding: torch.Tensor) -> torch.Tensor:
        """1 where a sample is right and 0 elsewhere, `float32[samples, k]`; overwrites the deciding margins."""
        beaten = deciding.gt_(0)
        if self.needed is None:
            return beaten
        return beaten.view(self.depth, self.samples, -1).sum(dim=0).gt_(self.needed)


def make_tiles(live: LiveMargins, groups: Int64[np.ndarray, " s"] | None, device: torch.device) -> list[Tile]:
    """Tiles of all open samples.

    Arguments:
        live: the open samples.
        groups: the group that each open sample is counted in.
        device: where the tiles are kept.
    """
    import torch

    depths = np.diff(live.starts)
    order = np.argsort(depths, kind="stable")
    tiles = []
    for members in cut(order, depths, _ROWS.get(device.type, _ROWS_ELSEWHERE)):
        depth = int(depths[members].max())
        needed = None
        if (live.places[members] > 1).any():
            needed = torch.from_numpy((depth - live.places[members]).astype(np.float32))[:, None].to(device)
        tiles.append(
            Tile(
                matrix=torch.from_numpy(scaled_margins(live, members, depth)).to(device),
                members=members,
                depth=depth,
                needed=needed,
                groups=None if groups is None else torch.from_numpy(groups[members]).to(device),
            )
        )
    return tiles


def cut(order: Int64[np.ndarray, " s"], depths: Int64[np.ndarray, " all"], rows: int) -> list[Int64[np.ndarray, " t"]]:
    """Runs of samples, in order of depth, that fill about `rows` rows and waste few on filling up."""
    sizes = depths[order].tolist()
    runs, start = [], 0
    for stop in range(1, len(sizes) + 1):
        if stop < len(sizes):
            filled = (stop + 1 - start) * sizes[stop]
            wasteful = sizes[stop] > 1.25 * sizes[start] and (stop - start) * sizes[stop] > rows // 4
            if filled <= rows and not wasteful:
                continue
        runs.append(order[start:stop])
        start = stop
    return runs


def scaled_margins(live: LiveMargins, members: Int64[np.ndarray, " s"], depth: int) -> Float32[np.ndarray, "rows n"]:
    """The margins of a `Tile`: of some open samples, none of which has more than `depth` rivals."""
    matrix = np.ones((depth, len(members), live.rivals.shape[1]), dtype=np.float32)
    counts = np.diff(live.starts)[members]
    sample = np.repeat(np.arange(len(members)), counts)
    rival = np.arange(len(sample)) - np.repeat(np.cumsum(counts) - counts, counts)
    with np.errstate(over="ignore", invalid="ignore"):
        margins = live.own[members][sample].astype(np.float64)
        margins -= live.rivals[live.starts[members][sample] + rival]
        _, exponents = np.frexp(np.abs(margins).max(axis=1))
        scaled = np.ldexp(margins, -exponents[:, None])
    # beyond float64: a row of zeros is within the bound for every recipe, and decided again
    scaled[~np.isfinite(scaled).all(axis=1)] = 0
    matrix[rival, sample] = scaled
    return matrix.reshape(-1, matrix.shape[2])
