"""Decisions as a bank of two classes: several labels a sample become rows of their own, with logits (0, z).

A label is predicted iff its averaged logit is above 0, so iff class 1 of its row wins: ties go to class 0. So the
kernels that count right samples count right decisions, exactly, and those of likelihoods compute their losses.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from radin.scoring.metrics import Counts, DecisionsMetric
from radin.scoring.surrogate.dense_kernel import Bank
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.margin_kernel import MarginKernel
from radin.scoring.surrogate.margins import prepare
from radin.scoring.surrogate.scorers import RightSamplesScorer


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


class DecisionsScorer(RightSamplesScorer):
    """Counts right decisions exactly, for each label those that are true and those that are not.

    Arguments:
        metric: of the decisions.
        kernels: the kernels of the bank.
    """

    def __init__(self, metric: DecisionsMetric, kernels: Kernels) -> None:
        super().__init__(cast(Any, metric), kernels)
        self.decisions = metric

    @cached_property
    def kernel(self) -> MarginKernel:
        """Counts right decisions in cells: label l has cell 2 l where it is not true, and 2 l + 1 where it is."""
        bank = DecisionBank(self.kernels.bank)
        label = np.arange(bank.n_samples) % bank.per_sample
        return MarginKernel(prepare(bank, 1), 2 * label + bank.labels, 2 * bank.per_sample, self.kernels.device)

    def _from_counts(self, right: Int64[np.ndarray, "k g"]) -> Float64[np.ndarray, " k"]:
        true = np.asarray(self.kernels.labels)
        negatives, positives = right[:, 0::2].astype(np.float64), right[:, 1::2].astype(np.float64)
        occurring = true.sum(axis=0, dtype=np.float64)
        predicted = positives + (len(true) - occurring - negatives)
        rows = np.full(len(right), float(len(true)))
        counts = Counts(positives, predicted, np.broadcast_to(occurring, positives.shape), rows)
        values = self.decisions.of_counts(counts)
        return values if self.decisions.higher_is_better else -values
