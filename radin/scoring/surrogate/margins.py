"""Live margins: the part of the logits that can change with the recipe.

Averaged logits decide a sample through margins only. With `Dᵢ(c) = Lᵢ(label) − Lᵢ(c)`, a rival class c is *beaten* iff
`Σ wᵢ Dᵢ(c) > 0`, or `≥ 0` where c > label, since ties go to the lower index; and the sample is right iff fewer than
`top` rivals are not beaten (`top` is 1 for accuracy). As weights are not negative, for every recipe at once:

- a rival is *harmless* if min D > 0, or min D ≥ 0 and c > label: it is always beaten, and is dropped;
- a rival is *fatal* if max D < 0, or max D ≤ 0 and c < label: it is never beaten, and takes one place of the `top`;
- c′ *dominates* c if D(c′) ≤ D(c) in every ingredient, and c′ < label or c > label, or it is strictly less in every
  ingredient: whenever c′ is beaten, so is c. A rival that is dominated by as many others as there are places left is
  *redundant*. For accuracy that is one; of equal rivals the one of the lowest index stays.

Redundancy is sound for any `top`, as only dominators that are kept count. If a dropped rival is not beaten, none of
those is, they fill the places, and the sample is wrong whether the dropped one counts or not. If every dropped rival is
beaten, nothing is lost.

All of this compares stored logits with one another, so no rounding enters.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from radin.scoring.surrogate.dense_kernel import Bank
from radin.scoring.surrogate.dominance import irredundant
from radin.scoring.surrogate.parallel import run, workers
from radin.scoring.surrogate.screening import Candidates, Settler

_BLOCK_VALUES = 1 << 17  # logits of one ingredient looked at together: 512 KiB in float32
_PRUNE_VALUES = 1 << 22  # logits of rivals that are pruned together: 16 MiB in float32
_SPANS_PER_THREAD = 2


@dataclass(frozen=True)
class LiveMargins:
    """Samples that are still open, each with the rivals that decide it.

    Attributes:
        right: whether each sample of the bank is right for every recipe.
        samples: indices of the open samples in the bank.
        places: number of a sample's rivals below that must stay unbeaten for it to be wrong.
        starts: rivals of the j-th open sample are rows `starts[j]` to `starts[j + 1]`.
        wins_ties: of each rival, whether the label is the lower index.
        own: stored logits of the label, per open sample.
        rivals: stored logits of the rivals.
    """

    right: Bool[np.ndarray, " m"]
    samples: Int64[np.ndarray, " s"]
    places: Int64[np.ndarray, " s"]
    starts: Int64[np.ndarray, " s+1"]
    wins_ties: Bool[np.ndarray, " r"]
    own: Shaped[np.ndarray, "s n"]
    rivals: Shaped[np.ndarray, "r n"]

    @property
    def nbytes(self) -> int:
        """Memory of the stored logits kept here."""
        return self.own.nbytes + self.rivals.nbytes


def prepare(bank: Bank, top: int = 1) -> LiveMargins:
    """Reads the logits once, in blocks, and keeps the live part.

    Arguments:
        bank: the stored logits.
        top: among how many of the largest averaged logits the label has to be.
    """
    labels = np.asarray(bank.labels, dtype=np.int64)
    threads = workers()
    step = -(-bank.n_samples // (_SPANS_PER_THREAD * threads))
    spans = [(start, min(start + step, bank.n_samples)) for start in range(0, bank.n_samples, step)]
    block = min(max(1, _BLOCK_VALUES // bank.n_classes), step)
    own = threading.local()  # each thread reads into memory of its own

    def prepare_span(span: tuple[int, int]) -> tuple[np.ndarray, ...]:
        if not hasattr(own, "settler"):
            own.settler = Settler(bank, labels, top, block)
        return _prepare_span(own.settler, span, block)

    parts = run(prepare_span, spans, threads)
    right, samples, places, counts, *rest = (np.concatenate(column) for column in zip(*parts, strict=True))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return LiveMargins(right, samples, places, starts, *rest)


def _prepare_span(settler: Settler, span: tuple[int, int], block: int) -> tuple[np.ndarray, ...]:
    """Columns of `LiveMargins` for the samples [start, stop), with numbers of rivals instead of starts."""
    right = np.zeros(len(settler.labels), dtype=bool)
    blocks = (settler.settle(start, min(start + block, span[1]), right) for start in range(*span, block))
    batches = _batches(blocks, _PRUNE_VALUES // len(settler.bank))
    parts = [_close(batch, right, settler.labels) for batch in batches]
    return (right[slice(*span)], *(np.concatenate(column) for column in zip(*parts, strict=True)))


def _batches(blocks: Iterator[Candidates], rows: int) -> Iterator[Candidates]:
    """Joins blocks until they hold about `rows` rivals, so that pruning works on long vectors."""
    held: list[Candidates] = []
    for block in blocks:
        held.append(block)
        if sum(len(one.owner) for one in held) >= rows:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(blocks: list[Candidates]) -> Candidates:
    offsets = np.cumsum([0] + [len(block.samples) for block in blocks[:-1]])
    return Candidates(
        samples=np.concatenate([block.samples for block in blocks]),
        places=np.concatenate([block.places for block in blocks]),
        owner=np.concatenate([block.owner + offset for block, offset in zip(blocks, offsets, strict=True)]),
        classes=np.concatenate([block.classes for block in blocks]),
        own=np.concatenate([block.own for block in blocks], axis=1),
        rivals=np.concatenate([block.rivals for block in blocks], axis=1),
    )


def _close(batch: Candidates, right: Bool[np.ndarray, " m"], labels: Int64[np.ndarray, " m"]) -> tuple[np.ndarray, ...]:
    """Drops redundant rivals, and samples that are thereby decided. Returns the rest as columns of `LiveMargins`."""
    kept = irredundant(batch, labels[batch.samples])
    counts = np.bincount(batch.owner[kept], minlength=len(batch.samples))
    open_ = counts >= batch.places
    right[batch.samples[~open_]] = True
    kept = kept[open_[batch.owner[kept]]]
    return (
        batch.samples[open_],
        batch.places[open_],
        counts[open_],
        batch.classes[kept] > labels[batch.samples[batch.owner[kept]]],
        np.ascontiguousarray(batch.own[:, open_].T),
        np.ascontiguousarray(batch.rivals[:, kept].T),
    )
