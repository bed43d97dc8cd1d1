"""The log-probabilities that decide likelihoods: of samples and classes whose range over all recipes matters.

With the ingredients' probabilities `pᵢ(c)` of a sample, the averaged logits of a recipe w have the loss

    loss(w) = Σ wᵢ lossᵢ + log Z(w),    Z(w) = Σ_c Π pᵢ(c)^wᵢ,

so the mean loss is the mean of the members' own losses, which needs one number an ingredient, and the mean of log Z.
Only subsets of at least two are scored, as the loss of one ingredient is known. For these each term of Z lies between
`low(c)` and `high(c)`, the geometric means of the two smallest and the two largest `pᵢ(c)`, and by Hölder's inequality

    Z₀ ≤ Z ≤ 1,    Z₀ = Σ_c low(c).

- A *sample* is replaced by the constant `½ log Z₀`, which is wrong by at most `−½ log Z₀`.
- A *class* of a sample is replaced by the constant `½ (low + high)` in Z, which makes Z wrong by at most
  `½ (high − low)`, and log Z by at most that over Z₀, since neither Z is below Z₀.

Those with the smallest errors are replaced, while the errors of a block of samples sum to at most ε per sample. The
rest is stored as integers, multiples of `2⁻ᵏ`, such that sums over ingredients are exact in int32.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int32, Int64

from radin.scoring.surrogate.dense_kernel import Bank, read_block, sample_blocks
from radin.scoring.surrogate.parallel import run, workers

#: The log-probability of rows that stand for no class. Its exponential vanishes beside any Z that is taken.
ABSENT = -90.0

#: Samples with a smaller Z₀ are not taken: the exponentials of float32 would underflow.
LEAST_FLOOR = 1e-28

_BLOCK_VALUES = 1 << 20  # logits looked at together
_SHARE_FOR_SAMPLES = 0.5  # of the error, for replacing whole samples; chosen by hand
_MEMORY = 1 << 29  # bytes of integers that are kept
_LARGEST = 2**31 - 2**16  # below 2³¹ by more than the rounding of 64 terms


@dataclass(frozen=True)
class LiveProbabilities:
    """The live samples and their live classes.

    Attributes:
        losses: mean loss of each ingredient.
        settled: sum of log Z over the samples that are replaced by constants.
        constants: of each live sample, the part of Z that is constant.
        starts: live classes of the j-th live sample are rows `starts[j]` to `starts[j + 1]`.
        rows: the log-probabilities as multiples of `2⁻ᵏ`.
        bits: k.
        bound: largest error of the mean of log Z, from the constants and from the integers.
        spread: mean over all samples of `log C − log Z₀`, 0 for replaced ones; rounding errors grow with it.
    """

    losses: Float64[np.ndarray, " n"]
    settled: float
    constants: Float64[np.ndarray, " s"]
    starts: Int64[np.ndarray, " s+1"]
    rows: Int32[np.ndarray, "r n"]
    bits: int
    bound: float
    spread: float


@dataclass(frozen=True)
class _Block:
    """The live part of a block of samples, the integers with `2⁻ᵏ` of its own."""

    losses: Float64[np.ndarray, " n"]
    settled: float
    error: float
    spread: float
    least: float
    counts: Int64[np.ndarray, " s"]
    constants: Float64[np.ndarray, " s"]
    rows: Int32[np.ndarray, "r n"]
    bits: int


def live_probabilities(bank: Bank, epsilon: float) -> LiveProbabilities | None:
    """Reads the logits once, in blocks, and keeps the live part.

    Arguments:
        bank: the stored logits.
        epsilon: largest error of a mean loss from the parts that are replaced by constants.

    Returns:
        None where the live log-probabilities would not fit the memory or the range of float32.
    """
    pieces = list(sample_blocks(bank, _BLOCK_VALUES))
    probe = _keep(bank, pieces[len(pieces) // 2], epsilon)
    share = len(probe.rows) / ((pieces[0][1] - pieces[0][0]) * bank.n_classes)
    if share * bank.n_samples * bank.n_classes * len(bank) * 4 > _MEMORY:
        return None
    blocks = run(lambda piece: _keep(bank, piece, epsilon), pieces, workers())
    if min(block.least for block in blocks) < LEAST_FLOOR:
        return None
    bits = min(block.bits for block in blocks)
    counts = np.concatenate([block.counts for block in blocks])
    return LiveProbabilities(
        losses=sum((block.losses for block in blocks), start=np.zeros(len(bank))) / bank.n_samples,
        settled=math.fsum(block.settled for block in blocks),
        starts=np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)]),
        constants=np.concatenate([block.constants for block in blocks]),
        rows=np.concatenate([_shifted(block.rows, block.bits - bits) for block in blocks]),
        bits=bits,
        bound=math.fsum(block.error for block in blocks) / bank.n_samples + 2.0**-bits,
        spread=math.fsum(block.spread for block in blocks) / bank.n_samples,
    )


def _keep(bank: Bank, piece: tuple[int, int], epsilon: float) -> _Block:
    import torch

    logits = torch.from_numpy(read_block(bank, *piece)).double()
    labels = torch.from_numpy(np.asarray(bank.labels[slice(*piece)], dtype=np.int64))
    logs = logits.log_softmax(dim=2)
    few = min(2, len(bank))
    low, high = (logs.topk(few, dim=0, largest=one).values.mean(dim=0).exp().numpy() for one in (False, True))
    floors = np.maximum(low.sum(axis=1), 1e-300)
    budget = epsilon * len(floors)
    settled, spent = _cheapest(-0.5 * np.log(np.minimum(floors, 1)), _SHARE_FOR_SAMPLES * budget)
    open_ = ~settled
    floor = floors[open_]
    constant, spent_on_classes = _cheapest(0.5 * (high - low)[open_] / floor[:, None], budget - spent)
    live = ~constant
    samples, classes = np.nonzero(live)
    rows = logs[:, torch.from_numpy(np.flatnonzero(open_)[samples]), torch.from_numpy(classes)].T.numpy()
    largest = max(-ABSENT, float(-rows.min(initial=0.0)))
    bits = math.floor(math.log2(_LARGEST / (len(bank) * largest)))
    own = logs.gather(2, labels.expand(len(bank), -1)[:, :, None])
    return _Block(
        losses=-own.sum(dim=(1, 2)).numpy(),
        settled=0.5 * float(np.log(np.minimum(floors[settled], 1)).sum()),
        error=spent + spent_on_classes,
        spread=float((math.log(bank.n_classes) - np.log(floor)).sum()),
        least=float(floor.min(initial=1.0)),
        counts=live.sum(axis=1),
        constants=np.where(constant, 0.5 * (low + high)[open_], 0.0).sum(axis=1),
        rows=np.rint(np.ldexp(rows, bits)).astype(np.int32),
        bits=bits,
    )


def _cheapest(errors: np.ndarray, budget: float) -> tuple[np.ndarray, float]:
    """Marks the smallest errors while their sum is within the budget. Returns the marks and the sum."""
    ranked = np.sort(errors, axis=None)
    sums = np.cumsum(ranked)
    number = int(np.searchsorted(sums, budget, side="right")) if budget > 0 else 0
    if not number:
        return np.zeros(errors.shape, dtype=bool), 0.0
    marked = errors <= ranked[number - 1]  # of equal errors more may be marked than the budget has room for
    if number < len(ranked) and ranked[number] == ranked[number - 1]:
        marked = errors < ranked[number - 1]
    return marked, float(errors[marked].sum())


def _shifted(rows: Int32[np.ndarray, "r n"], bits: int) -> Int32[np.ndarray, "r n"]:
    """Multiples of a unit that is `2^bits` as large, rounded."""
    return rows if not bits else (rows + np.int32(1 << (bits - 1))) >> np.int32(bits)
