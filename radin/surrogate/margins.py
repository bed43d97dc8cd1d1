"""Live margins: what is left of the logits once everything is settled that no recipe can change.

Averaged logits decide a sample through margins only. With `Dᵢ(c) = Lᵢ(label) − Lᵢ(c)`, a rival class c is *beaten* iff
`Σ wᵢ Dᵢ(c) > 0`, or `≥ 0` where c > label, since ties go to the lower index; and the sample is right iff fewer than
`top` rivals are not beaten (`top` is 1 for accuracy). As weights are not negative, for every recipe at once:

- a rival is *harmless* if min D > 0, or min D ≥ 0 and c > label: it is always beaten, and is dropped;
- a rival is *fatal* if max D < 0, or max D ≤ 0 and c < label: it is never beaten, and takes one place of the `top`;
- c′ *dominates* c if D(c′) ≤ D(c) in every ingredient, and c′ < label or c > label, or it is strictly less in every
  ingredient: whenever c′ is beaten, so is c. A rival that is dominated by as many others as there are places left is
  *redundant*. For accuracy that is one; of equal rivals the one of the lowest index stays.

Redundancy is sound for any `top`. Dominance is transitive, and rivals are ordered such that dominators come first. If a
dropped rival c is not beaten, no dominator of c is. The first `top` of those have fewer than `top` dominators each
(their dominators dominate c, too, and come before them), so they are kept: `top` kept rivals are not beaten, and the
sample is wrong whether c is counted or not. If every dropped rival is beaten, nothing is lost by dropping them.

All of this compares stored logits with one another, so no rounding enters.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Bool, Int64, Shaped

from radin.surrogate.dense import Bank, BlockReader
from radin.surrogate.parallel import run, workers

if TYPE_CHECKING:
    import torch

_BLOCK_VALUES = 1 << 19  # logits looked at together: 2 MiB in float32
_PRUNE_VALUES = 1 << 22  # logits of rivals that are pruned together: 16 MiB in float32
_SPANS_PER_THREAD = 4

#: A round of pruning compares every remaining rival with one other; when it drops fewer than this share of them,
#: more rounds would cost more than they save.
_WORTHWHILE = 1 / 500


@dataclass(frozen=True)
class LiveMargins:
    """Samples that are still open, each with the rivals that decide it.

    Attributes:
        right: which of the samples of the bank are right for every recipe.
        samples: indices of the open samples in the bank.
        places: how many of a sample's rivals below must stay unbeaten for it to be wrong.
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


def prepare(bank: Bank, top: int = 1, device: str | torch.device = "cpu") -> LiveMargins:
    """Reads the logits once, in blocks, and keeps what is live.

    Arguments:
        bank: the stored logits.
        top: among how many of the largest averaged logits the label has to be.
        device: where the blocks are looked at.
    """
    labels = np.asarray(bank.labels, dtype=np.int64)
    threads = workers(device)
    step = -(-bank.n_samples // (_SPANS_PER_THREAD * threads))
    spans = [(start, min(start + step, bank.n_samples)) for start in range(0, bank.n_samples, step)]
    block = max(1, _BLOCK_VALUES // (len(bank) * bank.n_classes))
    own = threading.local()  # each thread reads into memory of its own

    def prepare_span(span: tuple[int, int]) -> tuple[np.ndarray, ...]:
        if not hasattr(own, "reader"):
            own.reader = BlockReader(bank, min(block, step), device)
        return _prepare_span(own.reader, labels, top, span, min(block, step))

    parts = run(prepare_span, spans, threads)
    right, samples, places, counts, *rest = (np.concatenate(column) for column in zip(*parts, strict=True))
    starts = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(counts)])
    return LiveMargins(right, samples, places, starts, *rest)


def _prepare_span(
    reader: BlockReader, labels: np.ndarray, top: int, span: tuple[int, int], block: int
) -> tuple[np.ndarray, ...]:
    """Columns of `LiveMargins` for the samples [start, stop), with numbers of rivals instead of starts."""
    right = np.zeros(len(labels), dtype=bool)
    ranges = [(start, min(start + block, span[1])) for start in range(*span, block)]
    blocks = (_candidates(reader, labels, top, right, *one) for one in ranges)
    batches = _batches(blocks, _PRUNE_VALUES // len(reader.bank))
    parts = [_close(batch, right, labels, reader.device) for batch in batches]
    return (right[slice(*span)], *(np.concatenate(column) for column in zip(*parts, strict=True)))


@dataclass(frozen=True)
class _Candidates:
    """Rivals that are neither harmless nor fatal, of some samples with places left."""

    samples: Int64[np.ndarray, " s"]
    places: Int64[np.ndarray, " s"]
    owner: Int64[np.ndarray, " r"]  # position in `samples`, ascending
    classes: Int64[np.ndarray, " r"]
    own: Shaped[np.ndarray, "n s"]
    rivals: Shaped[np.ndarray, "n r"]


def _candidates(
    reader: BlockReader, labels: np.ndarray, top: int, right: np.ndarray, start: int, stop: int
) -> _Candidates:
    import torch

    stored, values = reader.read(start, stop)
    n_classes = stored.shape[2]
    classes = torch.arange(n_classes, device=reader.device)
    label = torch.from_numpy(labels[start:stop]).to(reader.device)[:, None]
    own = values.gather(2, label.expand(len(values), -1, 1))
    # A rounded difference has the sign of the true one: gradual underflow never makes it 0.
    margins = reader.margins(own, values)
    least, most = margins.amin(dim=0), margins.amax(dim=0)
    rival, higher = classes != label, classes > label
    harmless = (least > 0) | ((least >= 0) & higher)
    fatal = rival & ((most < 0) | ((most <= 0) & (classes < label)))
    places = top - fatal.sum(dim=1)
    live = rival & ~harmless & ~fatal
    open_ = (places > 0) & (live.sum(dim=1) >= places)
    right[start:stop] = ((places > 0) & ~open_).cpu().numpy()
    rows, columns = (live & open_[:, None]).nonzero(as_tuple=True)
    chosen = open_.nonzero()[:, 0]
    position = torch.cumsum(open_, dim=0) - 1
    flat = stored.flatten(1)
    return _Candidates(
        samples=chosen.cpu().numpy() + start,
        places=places[chosen].cpu().numpy(),
        owner=position[rows].cpu().numpy(),
        classes=columns.cpu().numpy(),
        own=flat[:, chosen * n_classes + label[chosen, 0]].cpu().numpy(),
        rivals=flat[:, rows * n_classes + columns].cpu().numpy(),
    )


def _batches(blocks: Iterator[_Candidates], rows: int) -> Iterator[_Candidates]:
    """Joins blocks until they hold about `rows` rivals, so that pruning works on long vectors."""
    held: list[_Candidates] = []
    for block in blocks:
        held.append(block)
        if sum(len(one.owner) for one in held) >= rows:
            yield _joined(held)
            held = []
    if held:
        yield _joined(held)


def _joined(blocks: list[_Candidates]) -> _Candidates:
    offsets = np.cumsum([0] + [len(block.samples) for block in blocks[:-1]])
    return _Candidates(
        samples=np.concatenate([block.samples for block in blocks]),
        places=np.concatenate([block.places for block in blocks]),
        owner=np.concatenate([block.owner + offset for block, offset in zip(blocks, offsets, strict=True)]),
        classes=np.concatenate([block.classes for block in blocks]),
        own=np.concatenate([block.own for block in blocks], axis=1),
        rivals=np.concatenate([block.rivals for block in blocks], axis=1),
    )


def _close(batch: _Candidates, right: np.ndarray, labels: np.ndarray, device: str | torch.device) -> tuple[Any, ...]:
    """Drops redundant rivals, and samples that this settles; what is left, as columns of `LiveMargins`."""
    kept = _irredundant(batch, labels[batch.samples], device)
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


def _irredundant(batch: _Candidates, labels: np.ndarray, device: str | torch.device) -> Int64[np.ndarray, " kept"]:
    """Rivals with fewer dominators than their sample has places left, ordered by sample.

    Round t compares the t-th kept rival of every sample with all later ones. Rivals are sorted by descending sum of
    logits, equal ones by class. Sums rounded in one fixed order are monotone, so no rival dominates an earlier one,
    except where the sums are equal, and then not seeing it only means that a rival more is kept.
    """
    import torch

    values = torch.from_numpy(batch.rivals).to(device)
    values = values.float() if values.dtype == torch.float16 else values
    sums = values.sum(dim=0, dtype=torch.float64).cpu().numpy()
    order = np.lexsort((batch.classes, -sums, batch.owner))
    owner = torch.from_numpy(batch.owner[order]).to(device)
    values = values[:, torch.from_numpy(order).to(device)]
    higher = torch.from_numpy(batch.classes[order] > labels[batch.owner[order]]).to(device)
    places = torch.from_numpy(batch.places).to(device)[owner]
    dominators = torch.zeros_like(owner)
    alive = torch.arange(len(order), device=device)
    for turn in range(len(order)):
        # the place of each rival among the kept ones of its sample, and the place of the first of them
        sample = owner[alive]
        first = torch.searchsorted(sample, sample)
        later = torch.arange(len(alive), device=device) > first + turn
        if not later.any():
            break
        rival, champion = alive[later], alive[first[later] + turn]
        least = _least_lead(values, champion, rival)
        beats = (least > 0) | ((least >= 0) & (higher[rival] | ~higher[champion]))
        dominators[rival[beats]] += 1
        gone = dominators[rival] >= places[rival]
        dropped = int(gone.sum())
        mask = torch.ones(len(alive), dtype=torch.bool, device=device)
        mask[later.nonzero()[:, 0][gone]] = False
        alive = alive[mask]
        if turn > 4 and dropped < _WORTHWHILE * len(rival):
            break
    return order[alive.cpu().numpy()]


def _least_lead(values: torch.Tensor, champion: torch.Tensor, rival: torch.Tensor) -> torch.Tensor:
    """Smallest lead of one rival over another over the ingredients; a few ingredients first, which rule most out."""
    few = 8
    lead = (values[:few, champion] - values[:few, rival]).amin(dim=0)
    if len(values) > few:
        left = (lead >= 0).nonzero()[:, 0]
        rest = (values[few:, champion[left]] - values[few:, rival[left]]).amin(dim=0)
        lead[left] = lead[left].minimum(rest)
    return lead
