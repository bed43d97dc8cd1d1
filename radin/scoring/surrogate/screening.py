"""Reads blocks of logits, and decides the samples and rivals that no recipe can change; see `margins`."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float, Int64, Shaped

from radin.scoring.surrogate.dense_kernel import Bank


@dataclass(frozen=True)
class Candidates:
    """Rivals that are neither harmless nor fatal, of some samples with places left.

    Attributes:
        samples: indices of the samples in the bank.
        places: places left on each.
        owner: of each rival, its sample's position in `samples`, ascending.
        classes: the rivals.
        own: stored logits of the samples' labels.
        rivals: stored logits of the rivals.
    """

    samples: Int64[np.ndarray, " s"]
    places: Int64[np.ndarray, " s"]
    owner: Int64[np.ndarray, " r"]
    classes: Int64[np.ndarray, " r"]
    own: Shaped[np.ndarray, "n s"]
    rivals: Shaped[np.ndarray, "n r"]


class Settler:
    """Decides block after block, in memory that is reused: fresh pages cost more than the computation.

    Arguments:
        bank: the stored logits.
        labels: their labels.
        top: among how many of the largest averaged logits the label has to be.
        samples: the most samples that a block has.
    """

    def __init__(self, bank: Bank, labels: Int64[np.ndarray, " m"], top: int, samples: int) -> None:
        self.bank, self.labels, self.top = bank, labels, top
        self.dtype = np.result_type(*{np.asarray(bank.read(i, 0, 1)).dtype for i in range(len(bank))})
        wide = torch.float64 if self.dtype == np.float64 else torch.float32
        shape = (samples, bank.n_classes)
        self._values, self._margins, self._least = (torch.empty(shape, dtype=wide) for _ in range(3))

    def settle(self, start: int, stop: int, right: Shaped[np.ndarray, " m"]) -> Candidates:
        """The undecided part of samples [start, stop). Writes into `right` which of them are right for every recipe.

        A rounded difference of two logits has the sign of the true one: gradual underflow never makes it 0, as long as
        the process does not flush denormal numbers, which is nowhere the default. Ingredients are read one after
        the other, in the cache, and only rivals that are not harmless are read again.
        """
        size, labels = stop - start, self.labels[start:stop]
        stored = [_readable(np.asarray(self.bank.read(i, start, stop))) for i in range(len(self.bank))]
        least, margins = self._least[:size], self._margins[:size]
        own = torch.empty((len(stored), size), dtype=least.dtype)
        of_labels = self._places(np.arange(size), labels)
        for i, logits in enumerate(stored):
            own[i] = logits.reshape(-1).index_select(0, of_labels)
            # torch widens float16 ten times as fast as numpy, and subtracts twice as fast
            values = self._values[:size].copy_(logits) if logits.dtype == torch.float16 else logits
            torch.sub(own[i][:, None], values, out=margins if i else least)
            if i:
                torch.minimum(least, margins, out=least)
        rows, classes = self._harmful(least.numpy(), labels)
        of_rivals = self._places(rows, classes)
        rivals = np.empty((len(stored), len(rows)), dtype=self.dtype)
        for i, logits in enumerate(stored):
            rivals[i] = logits.reshape(-1).index_select(0, of_rivals).numpy()
        margins_of_rivals = own.index_select(1, torch.from_numpy(rows))
        most = margins_of_rivals.sub_(torch.from_numpy(rivals)).amax(dim=0).numpy()
        fatal = (most < 0) | ((most <= 0) & (classes < labels[rows]))
        places = self.top - np.bincount(rows[fatal], minlength=size)
        live = np.bincount(rows[~fatal], minlength=size)
        open_ = (places > 0) & (live >= places)
        right[start:stop] = (places > 0) & ~open_
        kept = ~fatal & open_[rows]
        position = np.cumsum(open_) - 1
        return Candidates(
            samples=np.flatnonzero(open_) + start,
            places=places[open_],
            owner=position[rows[kept]],
            classes=classes[kept],
            own=own.numpy()[:, open_].astype(self.dtype),
            rivals=rivals[:, kept],
        )

    def _places(self, rows: Int64[np.ndarray, " r"], classes: Int64[np.ndarray, " r"]) -> torch.Tensor:
        """Positions of logits in a flattened block. Gathering by position is faster than indexing by row and class."""
        return torch.from_numpy(rows * self.bank.n_classes + classes)

    def _harmful(
        self, least: Float[np.ndarray, "b c"], labels: Int64[np.ndarray, " b"]
    ) -> tuple[Int64[np.ndarray, " r"], Int64[np.ndarray, " r"]]:
        """Samples and classes of the rivals that are not harmless, given the least margin of each."""
        rows, classes = np.nonzero(least <= 0)
        rival = (classes != labels[rows]) & ((least[rows, classes] < 0) | (classes < labels[rows]))
        return rows[rival], classes[rival]


class _Writable:
    """An array that claims to be writable, as torch requires. Nothing is written to it."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array
        interface = array.__array_interface__
        self.__array_interface__ = {**interface, "data": (interface["data"][0], False)}


def _readable(array: np.ndarray) -> torch.Tensor:
    """A tensor on the same memory, which may be a read-only map of a file."""
    if min(array.strides, default=0) < 0:
        return torch.from_numpy(array.copy())
    return torch.from_numpy(np.asarray(_Writable(array)))
