"""Decisions as a bank of two classes: several labels a sample become rows of their own, with logits (0, z).

A label is predicted iff its averaged logit is above 0, so iff class 1 of its row wins: ties go to class 0. So the
kernels that count right samples count right decisions, exactly, and those of likelihoods compute their losses.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Int64, Shaped

from radin.scoring.surrogate.dense_kernel import Bank


class DecisionBank:
    """A view of a bank of several labels, a row for each decision: those of the first sample first.

    Arguments:
        bank: `M` samples with `L` labels.
    """

    n_classes = 2

    def __init__(self, bank: Bank) -> None:
        self._bank = bank
        self.names = bank.names
        self.labels: Int64[np.ndarray, " r"] = np.asarray(bank.labels, dtype=np.int64).reshape(-1)
        self.n_samples = len(self.labels)
        self.per_sample = bank.n_classes

    def __len__(self) -> int:
        return len(self._bank)

    def read(self, i: int, start: int, stop: int, /) -> Shaped[np.ndarray, "b 2"]:
        """Rows `[start, stop)` of ingredient `i`: logits (0, z)."""
        first, last = start // self.per_sample, -(-stop // self.per_sample)
        z = np.asarray(self._bank.read(i, first, last)).reshape(-1)
        pairs = np.zeros((stop - start, 2), dtype=z.dtype)
        pairs[:, 1] = z[start - first * self.per_sample : stop - first * self.per_sample]
        return pairs
