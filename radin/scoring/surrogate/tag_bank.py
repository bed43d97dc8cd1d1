"""Tags as a bank of positions: each position with a tag becomes a row of its own, with the logits of its classes.

So the kernels of likelihoods compute their losses, though a metric of spans counts whole samples.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Shaped

from radin.scoring.kinds.classes import IGNORED
from radin.scoring.surrogate.dense_kernel import Bank


class TagBank:
    """A view of a bank of tags, a row for each position with a tag: those of the first sample first.

    Arguments:
        bank: samples with the logits of all of their positions in a row, and the tags of these positions.
    """

    def __init__(self, bank: Bank) -> None:
        tags = np.asarray(bank.labels)
        self._bank, self._width = bank, tags.shape[1]
        self._places = np.flatnonzero(tags != IGNORED)
        self.names = bank.names
        self.labels: Int64[np.ndarray, " r"] = tags.reshape(-1)[self._places]
        self.n_samples, self.n_classes = len(self._places), bank.n_classes // self._width

    def __len__(self) -> int:
        return len(self._bank)

    def read(self, i: int, start: int, stop: int, /) -> Shaped[np.ndarray, "b c"]:
        """Rows `[start, stop)` of ingredient `i`."""
        places = self._places[start:stop]
        first, last = (0, 0) if not len(places) else (places[0] // self._width, places[-1] // self._width + 1)
        by_position = np.asarray(self._bank.read(i, int(first), int(last))).reshape(-1, self.n_classes)
        return by_position[places - first * self._width]
