"""Mean losses of many subsets at once, fast enough for ranking, within a bound that is proven and stated.

A loss is the mean of the members' own losses plus the mean of the logs of the partitions Z of `live_probabilities`.
Only the latter costs anything: one sum of integers, one exponential and one addition for each live class of each live
sample. The sums are looked up in tables as in `lookup_kernel` where there are many subsets, and are one or two
additions for the neighbours of a subset. They are exact in every order, and everything after them is the same compiled
code on the same tiles. So a subset has the same loss to the last bit, whatever the subsets beside it, the number of
threads, and the method by which it is asked for.

**The bound.** Three errors add up, with `u = 2⁻²⁴`:

- constants in the place of samples and classes, and the rounding of log-probabilities to multiples of `2⁻ᵏ`: see
  `live_probabilities`. An error of at most `2⁻ᵏ` in every log-probability changes log Z by no more;
- the sum, its scale and their product are rounded to float32, which changes the exponent `x ≤ 0` of a class by at most
  `3 u |x|`. Weighted by the classes' shares `q` of Z, that is `3 u Σ q |x| = 3 u (entropy of q − log Z)`, at most
  `3 u (log C − log Z₀)`;
- a power of two is within `5 u` of the true one, relative to it (the polynomial on a grid of 10⁶ numbers: `3.95 u`),
  and the sum of C terms that are added in pairs within `⌈log₂ C⌉ u`. No term is negative, so Z is within the sum of
  both, relative to it, and log Z is off by no more. What underflows is below `C 2⁻¹²⁶`, beside `Z ≥ 10⁻²⁸`.

The loss of a single ingredient is its own, exactly.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int32, Int64, UInt8

from radin.scoring.surrogate.dense_kernel import Bank
from radin.scoring.surrogate.exact_arithmetic import U32
from radin.scoring.surrogate.live_probabilities import ABSENT, LiveProbabilities, live_probabilities
from radin.scoring.surrogate.lookup_kernel import MOST_INGREDIENTS, compiled
from radin.scoring.surrogate.parallel import run, workers

#: Largest error of a mean loss, in nats: a hundredth of the median paired standard error between the leader and the
#: next 16 of 2 048 random subsets on the synthetic bank *mid* of `benchmarks.speed.kernels`, which is 8.5e-4.
RANKING_EPSILON = 8e-6

#: Least number of logits of one ingredient for which loading numba (0.4 s) saves time in a search.
FEWEST_LOGITS = 1 << 13

_CONSTANTS = 0.5  # of the bound, at first, for what is replaced by constants
_FEWEST = 128  # subsets from which tables are worth making
_VALUES = 1 << 17  # entries of the tables of one tile: 512 KiB
_PIECES = 16  # sets of tiles that are summed together; fixed, so that sums do not depend on the number of threads
_INLINE = 1 << 20  # exponentials below which threads do not pay; chosen by hand
_LANES = 16  # samples of a tile are a multiple of this, as vector instructions need


@dataclass(frozen=True)
class ClassTile:
    """Live log-probabilities of some samples: the first class of every one, the second of every one, ..."""

    matrix: Int32[np.ndarray, "filled rows"]
    constants: Float64[np.ndarray, " filled_samples"]
    samples: int


class PartitionKernel:
    """Mean negative log-likelihoods of subsets, on the CPU, with numba.

    Arguments:
        live: the live log-probabilities.
        n_samples: samples of the bank.
    """

    def __init__(self, live: LiveProbabilities, n_samples: int) -> None:
        self._live = live
        self._n_samples = n_samples
        self._groups = -(-len(live.losses) // 16) * 4  # a multiple of four groups, of at most four ingredients
        self._bits = -(-len(live.losses) // self._groups)
        filled = self._groups * self._bits
        self._tiles = cut_tiles(live, _VALUES // (self._groups << self._bits), filled)

    @classmethod
    def of(cls, bank: Bank, epsilon: float = RANKING_EPSILON) -> PartitionKernel | None:
        """A kernel whose losses are off by at most epsilon, in nats.

        Returns:
            None where there is none: without numba, for more than 64 ingredients, and for logits of so wide a range
            that the bound or the memory would not suffice.
        """
        if len(bank) > MOST_INGREDIENTS or compiled() is None:
            return None
        live = live_probabilities(bank, _CONSTANTS * epsilon)
        if live is None:
            return None
        kernel = cls(live, bank.n_samples)
        return kernel if kernel.bound <= epsilon else None

    @property
    def bound(self) -> float:
        """Largest error of a mean loss against real arithmetic, in nats."""
        deepest = int(np.diff(self._live.starts).max(initial=1))
        return self._live.bound + U32 * (3 * self._live.spread + 6 + math.ceil(math.log2(max(deepest, 1))))

    @property
    def rows(self) -> int:
        """Live classes, summed over the live samples."""
        return len(self._live.rows)

    def means(self, masks: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean losses of subsets."""
        sizes = masks.sum(axis=1)
        if len(masks) < _FEWEST:
            parts = [self._moves(mask, np.full((1, 2), -1), sizes[k : k + 1]) for k, mask in enumerate(masks)]
            logs = np.concatenate([np.zeros(0), *parts])
        else:
            entries = np.empty((len(masks), self._groups), dtype=np.uint8)
            compiled().number(masks, self._bits, entries, np.zeros(len(masks), dtype=np.int64))
            scales = self._scales(sizes)

            def add(piece: int) -> Float64[np.ndarray, " k"]:
                return self._tabled(self._tiles[piece::_PIECES], entries, scales)

            logs = self._in_pieces(add, len(masks))
        return self._losses(masks, sizes, logs)

    def moves(
        self, mask: Bool[np.ndarray, " n"], steps: Int64[np.ndarray, "k 2"], moved: Bool[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " k"]:
        """Mean losses of the subsets `moved`, each by a step from `mask`.

        Arguments:
            mask: the subset that is moved from.
            steps: of each move, the ingredient that leaves and the one that comes in, −1 for none.
            moved: the subsets that the steps lead to.
        """
        sizes = moved.sum(axis=1)
        return self._losses(moved, sizes, self._moves(mask, steps, sizes))

    def _moves(
        self, mask: Bool[np.ndarray, " n"], steps: Int64[np.ndarray, "k 2"], sizes: Int64[np.ndarray, " k"]
    ) -> Float64[np.ndarray, " k"]:
        members, scales = np.flatnonzero(mask), self._scales(sizes)

        def add(piece: int) -> Float64[np.ndarray, " k"]:
            logs = np.zeros(len(steps))
            for tile in self._tiles[piece::_PIECES]:
                compiled().add_moves(tile.matrix, members, steps, scales, tile.constants, tile.samples, logs)
            return logs

        return self._in_pieces(add, len(steps))

    def _tabled(
        self, tiles: list[ClassTile], entries: UInt8[np.ndarray, "k groups"], scales: Float32[np.ndarray, " k"]
    ) -> Float64[np.ndarray, " k"]:
        logs = np.zeros(len(entries))
        for tile in tiles:
            tables = np.empty((self._groups, 1 << self._bits, tile.matrix.shape[1]), dtype=np.int32)
            compiled().tabulate(tile.matrix, tables)
            compiled().add_subsets(tables, entries, scales, tile.constants, tile.samples, logs)
        return logs

    def _in_pieces(self, add: Callable[[int], Float64[np.ndarray, " k"]], k: int) -> Float64[np.ndarray, " k"]:
        threads = workers() if self.rows * k > _INLINE else 1
        return sum(run(add, range(_PIECES), threads), start=np.zeros(k))

    def _scales(self, sizes: Int64[np.ndarray, " k"]) -> Float32[np.ndarray, " k"]:
        """Factors that turn sums of integers into exponents of 2."""
        return (math.log2(math.e) / (np.maximum(sizes, 1) * 2.0**self._live.bits)).astype(np.float32)

    def _losses(
        self, masks: Bool[np.ndarray, "k n"], sizes: Int64[np.ndarray, " k"], logs: Float64[np.ndarray, " k"]
    ) -> Float64[np.ndarray, " k"]:
        """Mean losses from the sums of log Z over the live samples."""
        # Summed row by row in pool order: a matrix product may round otherwise beside other rows.
        own = np.where(masks, self._live.losses, 0.0).cumsum(axis=1)[:, -1] / sizes
        return np.asarray(own + np.where(sizes > 1, (logs + self._live.settled) / self._n_samples, 0.0))


def cut_tiles(live: LiveProbabilities, rows: int, filled: int) -> list[ClassTile]:
    """Tiles of about so many rows, from deep to shallow; places without a class or sample are filled up."""
    depths, n = np.diff(live.starts), live.rows.shape[1]
    absent = np.int32(math.ceil(ABSENT * 2.0**live.bits))
    order = np.argsort(-depths, kind="stable")
    tiles, first = [], 0
    while first < len(order):
        depth = max(int(depths[order[first]]), 1)
        members = order[first : first + max(rows // depth // _LANES, 1) * _LANES]
        width = -(-len(members) // _LANES) * _LANES
        matrix = np.full((depth, width, n), absent, dtype=np.int32)
        sample = np.repeat(np.arange(len(members)), depths[members])
        turn = np.arange(len(sample)) - np.repeat(np.cumsum(depths[members]) - depths[members], depths[members])
        matrix[turn, sample] = live.rows[live.starts[members][sample] + turn]
        padded = np.zeros((filled, depth * width), dtype=np.int32)
        padded[:n] = matrix.reshape(-1, n).T
        constants = np.zeros(width)
        constants[: len(members)] = live.constants[members]
        tiles.append(ClassTile(padded, constants, len(members)))
        first += len(members)
    return tiles
