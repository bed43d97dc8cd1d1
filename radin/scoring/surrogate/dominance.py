"""Drops redundant rivals; see `margins`."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from radin.scoring.surrogate.screening import Candidates

#: A round of pruning compares every remaining rival with one other; when it drops fewer than this share of them,
#: more rounds would cost more than they save.
_WORTHWHILE = 1 / 500


def irredundant(batch: Candidates, labels: Int64[np.ndarray, " s"]) -> Int64[np.ndarray, " kept"]:
    """Rivals with fewer dominators than their sample has places left, ordered by sample.

    Round t compares the t-th kept rival of every sample with all later ones; a dropped rival does not return, and
    the t-th rival itself stays. Rivals are sorted by descending sum of logits, so that dominators tend to come first.
    """
    values = torch.from_numpy(batch.rivals)
    values = values.float() if values.dtype == torch.float16 else values
    sums = values.sum(dim=0, dtype=torch.float64).numpy()
    order = np.lexsort((batch.classes, -sums, batch.owner))
    owner = torch.from_numpy(batch.owner[order])
    values = values.index_select(1, torch.from_numpy(order))
    higher = torch.from_numpy(batch.classes[order] > labels[batch.owner[order]])
    places = torch.from_numpy(batch.places)[owner]
    dominators = torch.zeros_like(owner)
    alive = torch.arange(len(order))
    for turn in range(len(order)):
        # the place of each rival among the kept ones of its sample, and the place of the first of them
        sample = owner[alive]
        first = torch.searchsorted(sample, sample)
        later = torch.arange(len(alive)) > first + turn
        if not later.any():
            break
        rival, champion = alive[later], alive[first[later] + turn]
        least = _least_lead(values, champion, rival)
        beats = (least > 0) | ((least >= 0) & (higher[rival] | ~higher[champion]))
        dominators[rival[beats]] += 1
        gone = dominators[rival] >= places[rival]
        dropped = int(gone.sum())
        mask = torch.ones(len(alive), dtype=torch.bool)
        mask[later.nonzero()[:, 0][gone]] = False
        alive = alive[mask]
        if turn > 4 and dropped < _WORTHWHILE * len(rival):
            break
    return order[alive.numpy()]


def _least_lead(values: torch.Tensor, champion: torch.Tensor, rival: torch.Tensor) -> torch.Tensor:
    """Smallest lead of one rival over another over the ingredients; a few ingredients first, which rule most out."""
    few = 8
    lead = _lead(values[:few], champion, rival)
    if len(values) > few:
        left = (lead >= 0).nonzero()[:, 0]
        lead[left] = lead[left].minimum(_lead(values[few:], champion[left], rival[left]))
    return lead


def _lead(values: torch.Tensor, champion: torch.Tensor, rival: torch.Tensor) -> torch.Tensor:
    # three times as fast as indexing with brackets
    return values.index_select(1, champion).sub_(values.index_select(1, rival)).amin(dim=0)
