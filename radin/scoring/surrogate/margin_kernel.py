"""Right samples of many recipes at once: one matrix product of the live margins, a minimum, a sign and a sum.

**The float32 bound.** Each row of margins is scaled by a power of two such that its largest is at most 1, and rounded:
`|d − D| ≤ u |D|` with `u = 2⁻²⁴` (two roundings, the first in float64, are covered by taking one more below). A recipe
with m coefficients other than 0, rounded to float32, has the computed margin `P` with

    |P − Σ cᵢ Dᵢ| ≤ γ_{m+4} Σ cᵢ |Dᵢ| ≤ γ_{m+4} Σ cᵢ =: B

in any order of summation, with or without fused multiply-add (Higham 2002, section 3.1): one rounding for d, one more
for its detour, one for c, one for the product, m − 1 for the sum. Zero coefficients add exact zeros. What underflows is
below 2⁻¹²⁶ per term and vanishes in the rounding up of B. A margin beyond ±B has the sign of the true one; a sample
with a deciding margin within ±B is decided again from the stored logits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.common.out_of_memory import is_out_of_memory, release_cached_memory
from radin.scoring.surrogate.exact_arithmetic import U32, gamma
from radin.scoring.surrogate.float32 import uses_ieee_float32
from radin.scoring.surrogate.lookup_kernel import FEWEST, MOST_INGREDIENTS, LookupKernel, compiled, is_loaded
from radin.scoring.surrogate.margin_tiles import Tile, make_tiles
from radin.scoring.surrogate.margins import LiveMargins
from radin.scoring.surrogate.parallel import run, workers
from radin.scoring.surrogate.undecided import decide

if TYPE_CHECKING:
    import torch

#: Fills `out[rows, k]` with the margins of the rows of a tile.
Fill = Callable[[Tile, "torch.Tensor"], None]

_Doubts = tuple[Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]
_Scored = tuple[Int64[np.ndarray, "kb g"], _Doubts]

_RECIPES = 512  # recipes scored together on the CPU, at least
_TILE_VALUES = 1 << 18  # margins computed together there: what a core's cache holds
#: Bytes of scratch for one margin elsewhere: two arrays of float32, and copies in doubt, or in float64.
_SCRATCH = 32
_SHARE = 4  # of the memory that is free there, one part in so many is used as scratch
_MOST_VALUES = 1 << 28  # margins computed together there, at most
_DOUBTS = 1 << 12  # samples in doubt that are decided at once; more of them are not kept
_INLINE = 1 << 22  # multiplications below which threads do not pay
#: Multiplications that take about as long as loading numba and compiling with it.
WORTH_LOADING = 1 << 35


@dataclass
class _Work:
    """Some recipes on some tiles."""

    rows: slice
    tiles: list[Tile]


class MarginKernel:
    """Counts the right samples of recipes, exactly.

    Arguments:
        live: the open samples and their rivals.
        groups: the group that each sample of the bank is counted in, `[0, n_groups)`.
        n_groups: how many there are: one for accuracy, one per class for balanced accuracy.
        device: where products are computed.
    """

    def __init__(
        self, live: LiveMargins, groups: Int64[np.ndarray, " m"], n_groups: int, device: str | torch.device = "cpu"
    ) -> None:
        import torch

        self.live = live
        self.n_groups = n_groups
        self.device = torch.device(device)
        self._settled = np.bincount(groups[live.right], minlength=n_groups)
        self._groups = groups[live.samples]
        self.tiles = make_tiles(live, self._groups if n_groups > 1 else None, self.device)
        self._rows = sum(tile.rows for tile in self.tiles)
        # the cases that `lookup_kernel` handles
        plain = n_groups == 1 and self.device.type == "cpu" and not (live.places > 1).any()
        self._countable = plain and live.rivals.shape[1] <= MOST_INGREDIENTS
        self._multiplications = 0
        on_cpu = self.device.type == "cpu"
        self._least, self._values = (_RECIPES, _TILE_VALUES) if on_cpu else (1, _values_that_fit(self.device))
        self._unused: list[tuple[torch.Tensor, torch.Tensor]] = []

    def hits(self, recipes: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"]) -> Int64[np.ndarray, "k g"]:
        """Right samples per group of subsets, or of recipes given by their coefficients.

        Many subsets are looked up, see `lookup_kernel`, if numba is there and was loaded already, or has been worth it.
        """
        if recipes.dtype == np.bool_ and len(recipes) >= FEWEST and self._countable:
            self._multiplications += self._rows * recipes.size
            if (is_loaded() or self._multiplications > WORTH_LOADING) and compiled() is not None:
                return self._settled + self._lookup.hits(recipes)[:, None]
        return self.products(recipes.astype(np.float64, copy=False))

    @cached_property
    def _lookup(self) -> LookupKernel:
        return LookupKernel(self.live)

    def products(self, coefficients: Float64[np.ndarray, "k n"]) -> Int64[np.ndarray, "k g"]:
        """Right samples per group, by matrix products; coefficients are 1 for each member, or mixing weights."""
        import torch

        weights = torch.from_numpy(coefficients.astype(np.float32)).to(self.device)
        ieee = uses_ieee_float32(self.device)

        def fill(rows: slice) -> Fill:
            block = weights[rows].T.contiguous()

            def product(tile: Tile, out: torch.Tensor) -> None:
                if ieee:
                    torch.mm(tile.matrix, block, out=out)
                else:  # products would be rounded to less than float32
                    out.copy_(tile.matrix.double() @ block.double())

            return product

        members = np.count_nonzero(coefficients, axis=1)
        bounds = gamma(members + 4, U32) * coefficients.sum(axis=1)
        return self.count(coefficients, bounds, fill, cost=coefficients.shape[1])

    def count(
        self,
        coefficients: Float64[np.ndarray, "k n"],
        bounds: Float64[np.ndarray, " k"],
        fill: Callable[[slice], Fill],
        cost: int = 1,
        unit: int = 1,
    ) -> Int64[np.ndarray, "k g"]:
        """Right samples per group, from margins that a function computes.

        Arguments:
            coefficients: the recipes, for samples that have to be decided again.
            bounds: largest error of each recipe's computed margins.
            fill: given a range of recipes, returns the function that computes their margins on a tile.
            cost: multiplications per margin.
            unit: ranges of recipes are multiples of this.
        """
        import torch

        k = len(coefficients)
        hits = np.repeat(self._settled[None], k, axis=0)
        if not self.tiles or not k:
            return hits
        threads = workers(self.device) if self._rows * k * cost > _INLINE else 1
        limits = torch.from_numpy(bounds.astype(np.float32) * (1 + 2.0**-20)).to(self.device)

        def score(work: _Work) -> tuple[Int64[np.ndarray, "kb g"], _Doubts]:
            with torch.inference_mode(), torch.autocast(self.device.type, enabled=False):
                found, samples, recipes = self._score(work, limits[work.rows], fill(work.rows))
            recipes += work.rows.start
            if len(samples) > _DOUBTS:
                self._decide(found, samples, recipes, coefficients, work.rows.start)
                samples, recipes = samples[:0], recipes[:0]
            return found, (samples, recipes)

        pieces, scored = self._scored(score, k, threads, unit)
        found, doubts = zip(*scored, strict=True)
        for work, part in zip(pieces, found, strict=True):
            hits[work.rows] += part
        samples, recipes = (np.concatenate(column) for column in zip(*doubts, strict=True))
        self._decide(hits, samples, recipes, coefficients)
        return hits

    def _scored(
        self, score: Callable[[_Work], _Scored], k: int, threads: int, unit: int
    ) -> tuple[list[_Work], list[_Scored]]:
        """All recipes on all tiles, in pieces; in smaller ones where the device's memory runs out, from then on."""
        while True:
            block = self._block(k, threads, unit)
            ranges = [slice(start, min(start + block, k)) for start in range(0, k, block)]
            pieces = [
                _Work(rows, tiles)
                for rows in ranges
                for tiles in _shares(self.tiles, threads if len(ranges) < threads else 1)
            ]
            try:
                return pieces, run(score, pieces, threads)
            except Exception as error:
                if block <= unit or not is_out_of_memory(error):
                    raise
            self._unused.clear()
            release_cached_memory()
            self._least = 1
            self._values = min(self._values, block * max(tile.rows for tile in self.tiles)) // 2

    def _block(self, k: int, threads: int, unit: int) -> int:
        """Recipes that are scored together, a multiple of the unit."""
        fitting = self._values // max(tile.rows for tile in self.tiles)
        block = min(max(self._least, fitting), -(-k // threads))
        unit = 64 if unit == 1 and block > 64 else unit  # products of odd widths take half as long again
        return max(block // unit, 1) * unit

    def _decide(
        self,
        hits: Int64[np.ndarray, "kb g"],
        samples: Int64[np.ndarray, " p"],
        recipes: Int64[np.ndarray, " p"],
        coefficients: Float64[np.ndarray, "k n"],
        first: int = 0,
    ) -> None:
        """Adds the samples in doubt that are right to hits, which begin with the recipe `first`."""
        if len(samples):
            won = decide(self.live, samples, recipes, coefficients)
            groups = self._groups[samples] if self.n_groups > 1 else np.zeros_like(samples)
            np.add.at(hits, (recipes[won] - first, groups[won]), 1)

    def _scratch(self, size: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Memory for margins, kept from call to call: fresh pages would cost as much as the products."""
        import torch

        try:
            pair = self._unused.pop()
        except IndexError:
            pair = None
        if pair is None or len(pair[0]) < size:
            pair = torch.empty(size, device=self.device), torch.empty(size, device=self.device)
        return pair

    def _score(
        self, work: _Work, limits: torch.Tensor, fill: Fill
    ) -> tuple[Int64[np.ndarray, "kb g"], Int64[np.ndarray, " p"], Int64[np.ndarray, " p"]]:
        """Right samples without those in doubt, and these: open samples and recipes."""
        import torch

        k, largest = len(limits), max(tile.rows for tile in work.tiles)
        margins, spare = scratch = self._scratch(largest * k)
        hits = torch.zeros(self.n_groups, k, dtype=torch.int64, device=self.device)
        none = np.zeros(0, dtype=np.int64)
        doubts = [(none, none)]
        for tile in work.tiles:
            out = margins[: tile.rows * k].view(tile.rows, k)
            fill(tile, out)
            deciding = tile.deciding(out)
            closest = torch.abs(deciding, out=spare[: deciding.numel()].view(deciding.shape))
            clear = closest.amin(dim=0) > limits  # false for NaN, too
            if bool(clear.all()):
                right = tile.right(deciding)
            else:
                columns = (~clear).nonzero()[:, 0]
                inside = ~(closest[:, columns] > limits[columns])
                doubtful = inside.view(-1, tile.samples, len(columns)).any(dim=0)
                s, c = doubtful.nonzero(as_tuple=True)
                doubts.append((tile.members[s.cpu().numpy()], columns[c].cpu().numpy()))
                right = tile.right(deciding)
                right[s, columns[c]] = 0.0
            if tile.groups is None:
                hits[0] += right.sum(dim=0).long()
            else:
                hits += right.new_zeros(hits.shape).index_add_(0, tile.groups, right).long()
        self._unused.append(scratch)
        samples, recipes = (np.concatenate(part) for part in zip(*doubts, strict=True))
        return hits.T.cpu().numpy(), samples, recipes


def _shares(tiles: list[Tile], number: int) -> list[list[Tile]]:
    """The tiles in about equal parts, by their rows."""
    if number <= 1:
        return [tiles]
    parts: list[list[Tile]] = [[] for _ in range(number)]
    loads = [0] * number
    for tile in sorted(tiles, key=lambda one: -one.rows):
        lightest = loads.index(min(loads))
        parts[lightest].append(tile)
        loads[lightest] += tile.rows
    return [part for part in parts if part]


def _values_that_fit(device: torch.device) -> int:
    """Margins that a device's free memory has scratch for."""
    import torch

    if device.type != "cuda":
        return _MOST_VALUES >> 4
    free, _ = torch.cuda.mem_get_info(device)
    kept = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return max(1, min(_MOST_VALUES, (free + kept) // _SHARE // _SCRATCH))
