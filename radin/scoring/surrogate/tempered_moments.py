"""Tempered likelihoods of many subsets at once: the fit of `tempered_kernel`, on compiled loops.

With the members' probabilities pᵢ at the usual temperature, the loss of a subset at b times the usual inverse
temperature is `b · mean lossᵢ + log Z_b`, `Z_b = Σ_c exp(b · mean log pᵢ(c))`. So log-probabilities, stored once as
integers whose sums are exact in every order, serve all temperatures: b is a factor on the scale of the exponent. One
look gives log Z with the mean and the variance of its exponents, which are its derivatives in b.

**Classes that cannot matter** are dropped. With `high(c)` and `low(c)` the largest and the smallest log-probability
among the ingredients, Z is at least the exponential of `b · max_c low(c)`, and what is dropped at most the sum of those
of `b · high(c)`; their quotient falls with b while it is below one. So what is small at `LEAST_FACTOR` is smaller at
every b above it, and log Z is too low by no more. A recipe that is fitted below `LEAST_FACTOR`, or so far above 1 that
float32 would underflow, is left to the dense kernel.

**The bound** is that of `partition_kernel`, but that sums over the C classes of a sample are added one by one, which
costs C roundings instead of their logarithm.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float32, Float64, Int64

from radin.scoring.metrics.tempered import TemperatureFit
from radin.scoring.surrogate.dense_kernel import Bank, read_block, sample_blocks
from radin.scoring.surrogate.exact_arithmetic import U32
from radin.scoring.surrogate.live_probabilities import ABSENT, LiveProbabilities
from radin.scoring.surrogate.lookup_kernel import MOST_INGREDIENTS, compiled
from radin.scoring.surrogate.parallel import run, workers
from radin.scoring.surrogate.partition_kernel import cut_tiles
from radin.scoring.surrogate.tempered_kernel import FITTED, expected_fall

#: Of k recipes, log Z and the mean and variance of its exponents, each summed over samples.
Moments = Float64[np.ndarray, "k 3"]

#: Smallest inverse temperature, in units of the usual one, at which dropped classes are known not to matter.
LEAST_FACTOR = 0.5

#: Largest mean error of log Z from classes that are dropped, in nats.
DROPPED = 1e-6

_UNDERFLOW = 80.0  # exponents of float32 that are safe, in nats
_BLOCK_VALUES = 1 << 20  # logits looked at together
_MEMORY = 1 << 29  # bytes of integers that are kept
_LARGEST = 2**31 - 2**16  # below 2³¹ by more than the rounding of 64 terms
_VALUES = 1 << 12  # rows of one tile: its sums stay in a core's cache
_PIECES = 16  # sets of tiles that are summed together; fixed, so that sums do not depend on the number of threads
_INLINE = 1 << 20  # exponentials below which threads do not pay; chosen by hand


class TemperedMoments:
    """Mean tempered losses of subsets, on the CPU, with numba.

    Arguments:
        live: the log-probabilities at the usual temperature.
        n_samples: samples of the bank.
        usual: that temperature's inverse.
        most: largest factor on the usual inverse temperature that is computed here.
    """

    def __init__(self, live: LiveProbabilities, n_samples: int, usual: float, most: float) -> None:
        self._live, self._n_samples, self._usual, self._most = live, n_samples, usual, most
        self._tiles = cut_tiles(live, _VALUES, live.rows.shape[1])

    @classmethod
    def of(cls, bank: Bank, usual: float) -> TemperedMoments | None:
        """A kernel around the usual inverse temperature.

        Returns:
            None where there is none: without numba, for more than 64 ingredients, and for logits of so wide a range
            that the memory or the range of float32 would not suffice.
        """
        if len(bank) > MOST_INGREDIENTS or compiled() is None:
            return None
        found = _live(bank, usual)
        if found is None:
            return None
        live, floor = found
        most = _UNDERFLOW / max(-floor, 1e-9)
        return cls(live, bank.n_samples, usual, most) if most >= 1 / LEAST_FACTOR else None

    @property
    def bound(self) -> float:
        """Largest error of a mean loss near the usual temperature, in nats: of the sums, and of the fit."""
        depth = len(self._live.rows) / max(1, len(self._live.starts) - 1)
        return self._live.bound + U32 * (3 * self._live.spread + 6 + depth) + FITTED

    @property
    def rows(self) -> int:
        """Live classes, summed over the samples."""
        return len(self._live.rows)

    def means(self, masks: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Mean losses of subsets after the temperature; NaN where another kernel has to compute them."""

        def look(open_: Int64[np.ndarray, " o"], scales: Float32[np.ndarray, " o"]) -> Moments:
            chosen = masks[open_]
            return self._look(
                len(open_), lambda *tile: compiled().moments_of_subsets(tile[0], chosen, scales, *tile[1:])
            )

        return self._fitted(masks, look)

    def moves(
        self, mask: Bool[np.ndarray, " n"], steps: Int64[np.ndarray, "k 2"], moved: Bool[np.ndarray, "k n"]
    ) -> Float64[np.ndarray, " k"]:
        """The same of the subsets `moved`, each by a step from `mask`.

        Arguments:
            mask: the subset that is moved from.
            steps: of each move, the ingredient that leaves and the one that comes in, −1 for none.
            moved: the subsets that the steps lead to.
        """

        def look(open_: Int64[np.ndarray, " o"], scales: Float32[np.ndarray, " o"]) -> Moments:
            chosen = steps[open_]
            return self._look(
                len(open_), lambda *tile: compiled().moments_of_moves(tile[0], mask, chosen, scales, *tile[1:])
            )

        return self._fitted(moved, look)

    def _fitted(
        self,
        masks: Bool[np.ndarray, "k n"],
        look: Callable[[Int64[np.ndarray, " o"], Float32[np.ndarray, " o"]], Moments],
    ) -> Float64[np.ndarray, " k"]:
        """Losses of subsets after the temperature.

        Arguments:
            masks: the subsets.
            look: sums of log Z and its first two moments for some of them, by number, given the scales of exponents.
        """
        k = len(masks)
        sizes, found, fit = masks.sum(axis=1), np.full(k, np.nan), TemperatureFit(k, 1.0, FITTED, self._usual)
        # Summed row by row in pool order: a matrix product may round otherwise beside other rows.
        own = np.where(masks, self._live.losses, 0.0).cumsum(axis=1)[:, -1] / sizes
        while fit.open.any():
            open_ = np.flatnonzero(fit.open & (fit.beta >= LEAST_FACTOR) & (fit.beta <= self._most))
            loss, slope, curvature = np.zeros((3, k))
            units = fit.beta[open_] * math.log2(math.e)  # from nats at the usual temperature to exponents of 2
            scales = units / sizes[open_] * 2.0**-self._live.bits
            logs, means, variances = look(open_, scales.astype(np.float32)).T / self._n_samples
            loss[open_] = fit.beta[open_] * own[open_] + logs
            slope[open_] = own[open_] + means / units
            curvature[open_] = variances / np.square(units)
            fit.step(slope, curvature)  # those that were not looked at have no slope, so they are closed
            ended = open_[~fit.open[open_]]
            found[ended] = (loss - expected_fall(slope, curvature))[ended]
        return found

    def _look(self, k: int, add: Callable[..., None]) -> Moments:
        """Sums over all tiles of what `add(matrix, width, samples, out)` adds to `out[k, 3]`."""

        def piece(first: int) -> Moments:
            sums = np.zeros((k, 3))
            for tile in self._tiles[first::_PIECES]:
                add(tile.matrix, len(tile.constants), tile.samples, sums)
            return sums

        threads = workers() if self.rows * k > _INLINE else 1
        return sum(run(piece, range(_PIECES), threads), start=np.zeros((k, 3)))


def _live(bank: Bank, usual: float) -> tuple[LiveProbabilities, float] | None:
    """Log-probabilities of classes that can matter, and the least of the samples' floors of log Z; None if too many."""
    blocks = []
    rows = 0
    for piece in sample_blocks(bank, _BLOCK_VALUES):
        blocks.append(_keep(bank, piece, usual))
        rows += len(blocks[-1][1])
        if rows * len(bank) * 4 > _MEMORY:
            return None
    counts = np.concatenate([one[0] for one in blocks])
    logs = np.concatenate([one[1] for one in blocks])
    floors = np.concatenate([one[3] for one in blocks])
    bits = math.floor(math.log2(_LARGEST / (len(bank) * max(-ABSENT, float(-logs.min(initial=0.0))))))
    live = LiveProbabilities(
        losses=sum((one[2] for one in blocks), start=np.zeros(len(bank))) / bank.n_samples,
        settled=0.0,
        constants=np.zeros(len(counts)),
        starts=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        rows=np.rint(np.ldexp(logs, bits)).astype(np.int32),
        bits=bits,
        bound=math.fsum(one[4] for one in blocks) / bank.n_samples + 2.0**-bits,
        spread=float((math.log(bank.n_classes) - floors).mean()),
    )
    return live, float(floors.min())


def _keep(
    bank: Bank, piece: tuple[int, int], usual: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, float]:
    """Of some samples: live classes of each, their log-probabilities, the ingredients' losses, floors, the error."""
    import torch

    logits = torch.from_numpy(read_block(bank, *piece)).double() * usual
    labels = torch.from_numpy(np.asarray(bank.labels[slice(*piece)], dtype=np.int64))
    logs = logits.log_softmax(dim=2)
    own = logs.gather(2, labels.expand(len(bank), -1)[:, :, None])
    floors = logs.amin(dim=0).amax(dim=1).numpy()
    shares = np.exp(LEAST_FACTOR * np.minimum(logs.amax(dim=0).numpy() - floors[:, None], 0.0))
    ranked = np.sort(shares, axis=None)
    number = int(np.searchsorted(np.cumsum(ranked), DROPPED * len(floors), side="right"))
    live = shares > (ranked[number - 1] if number else -1.0)
    # log Z falls by −log(1 − x) of the share x that is dropped: at most a thousandth more than x for x this small.
    error = 1.001 * float(shares[~live].sum())
    samples, classes = np.nonzero(live)
    rows = logs[:, torch.from_numpy(samples), torch.from_numpy(classes)].T.numpy()
    return live.sum(axis=1), rows, -own.sum(dim=(1, 2)).numpy(), floors, error
