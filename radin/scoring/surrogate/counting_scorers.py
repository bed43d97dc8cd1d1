"""Scores of metrics that count right samples, or right decisions of several labels a sample: exact ones."""

from __future__ import annotations

from functools import cached_property
from typing import Any, cast

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.scoring.metrics import Counts, DecisionsMetric, RightSamplesMetric
from radin.scoring.moves import Moves
from radin.scoring.objective import Proposal
from radin.scoring.surrogate.decision_bank import DecisionBank
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.margin_kernel import MarginKernel
from radin.scoring.surrogate.margins import prepare
from radin.scoring.surrogate.neighbours import step_hits, swap_hits
from radin.scoring.surrogate.scorer import Scorer, coefficients_of
from radin.scoring.surrogate.subset_ranges import range_hits


class RightSamplesScorer(Scorer[RightSamplesMetric]):
    """Counts right samples, exactly."""

    @cached_property
    def kernel(self) -> MarginKernel:
        """Counts the right samples of each group; made when first used, which reads all logits once."""
        groups = self.metric.groups(self.kernels.labels)
        live = prepare(self.kernels.bank, self.metric.top)
        return MarginKernel(live, groups, int(groups.max()) + 1, self.kernels.device)

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        subsets = proposals.dtype == np.bool_
        return self._from_counts(self.kernel.hits(proposals if subsets else coefficients_of(proposals)))

    def singles(self) -> Float64[np.ndarray, " n"]:
        """Scores of the ingredients by themselves, each a step from nothing."""
        n = len(self.kernels.bank)
        return self._from_counts(step_hits(self.kernel, np.zeros(n), np.ones(n)))

    def neighbours(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the margins of the subset that is moved from."""
        lone = mask & (mask.sum() == 1)  # without it nothing would be left: it is taken once more, and left out then
        signs = np.where(mask & ~lone, -1.0, 1.0)
        return self._from_counts(step_hits(self.kernel, mask.astype(np.float64), signs)[~lone])

    def swaps(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the margins of the subset that is moved from."""
        members, others = np.flatnonzero(mask), np.flatnonzero(~mask)
        return self._from_counts(swap_hits(self.kernel, mask.astype(np.float64), members, others))

    def additions(self, counts: Int64[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " n"]:
        """Scores of all additions, from the margins of the recipe that is added to."""
        return self._from_counts(step_hits(self.kernel, counts.astype(np.float64), np.ones(len(counts)), moves))

    def subset_range(self, start: int, masks: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of consecutively numbered subsets, from sums over two halves of the pool."""
        return self._from_counts(range_hits(self.kernel, start, masks.astype(np.float64)))

    def _from_counts(self, right: Int64[np.ndarray, "k g"]) -> Float64[np.ndarray, " k"]:
        values = self.metric.values_of_counts(right, self.kernels.labels)
        return values if self.metric.higher_is_better else -values


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
