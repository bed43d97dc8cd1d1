"""Scores of recipes by the kernel that fits the metric, without the prior.

The family of a metric (see `radin.scoring.metrics.base`) decides the kernel: `scorer_of` has one entry per family, and
a metric of no family is computed from the averaged logits of each recipe. A new family registers its scorer there.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from functools import cached_property, singledispatch
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.errors import InputError
from radin.recipe import subset_rows
from radin.scoring.metrics import (
    DecisionsMetric,
    Metric,
    MomentsMetric,
    NegativeLogLikelihood,
    OfProbabilities,
    Perplexity,
    PredictionMetric,
    RightSamplesMetric,
    TemperedLikelihood,
)
from radin.scoring.objective import Proposal
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.margin_kernel import MarginKernel
from radin.scoring.surrogate.margins import prepare
from radin.scoring.surrogate.neighbours import step_hits, swap_hits
from radin.scoring.surrogate.subset_ranges import range_hits
from radin.scoring.surrogate.tempered_kernel import FITTED

M = TypeVar("M", bound=Metric)


class Scorer(ABC, Generic[M]):
    """Scores recipes by one metric, higher is better.

    Arguments:
        metric: the metric.
        kernels: the kernels of the bank.
    """

    def __init__(self, metric: M, kernels: Kernels) -> None:
        self.metric = metric
        self.kernels = kernels

    @property
    def bound(self) -> float:
        """Largest error of a score against real arithmetic, beyond the rounding of float64."""
        return 0.0

    @abstractmethod
    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""

    def exact_scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores with the smallest available error."""
        return self.scores(proposals)

    def neighbours(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `moved`: `mask` with ingredient `i` added or removed, for all `i`; none is empty."""
        return self.scores(moved)

    def swaps(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `moved`: `mask` with one member exchanged, ordered as `radin.recipe.swaps_of` does."""
        return self.scores(moved)

    def additions(
        self, counts: Int64[np.ndarray, " n"], weights: Float64[np.ndarray, "n n"]
    ) -> Float64[np.ndarray, " n"]:
        """Scores of the recipes `weights`, which take ingredient `i` once more than `counts` says."""
        return self.scores(weights)

    def subset_range(self, start: int, masks: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `masks`, which are numbered from `start` on."""
        return self.scores(masks)


class AverageScorer(Scorer[Metric]):
    """Averages the logits of each recipe in float64: for any metric."""

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        labels, dense = self.kernels.labels, self.kernels.dense
        rows = coefficients_of(proposals)
        return np.array([self.metric.score(dense.average(row), labels) for row in rows], dtype=np.float64)


class PredictionScorer(Scorer[PredictionMetric]):
    """Predicts the class of each sample, exactly."""

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        predictions = self.kernels.dense.predictions(coefficients_of(proposals))
        return np.array([self.metric.score_of(row, self.kernels.labels) for row in predictions], dtype=np.float64)


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

    def neighbours(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the margins of the subset that is moved from."""
        if len(moved) < len(mask):
            return self.scores(moved)
        return self._from_counts(step_hits(self.kernel, mask.astype(np.float64), np.where(mask, -1.0, 1.0)))

    def swaps(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the margins of the subset that is moved from."""
        members, others = np.flatnonzero(mask), np.flatnonzero(~mask)
        return self._from_counts(swap_hits(self.kernel, mask.astype(np.float64), members, others))

    def additions(
        self, counts: Int64[np.ndarray, " n"], weights: Float64[np.ndarray, "n n"]
    ) -> Float64[np.ndarray, " n"]:
        """Scores of all additions, from the margins of the recipe that is added to."""
        decided = coefficients_of(weights)
        return self._from_counts(step_hits(self.kernel, counts.astype(np.float64), np.ones(len(counts)), decided))

    def subset_range(self, start: int, masks: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of consecutively numbered subsets, from sums over two halves of the pool."""
        return self._from_counts(range_hits(self.kernel, start, masks.astype(np.float64)))

    def _from_counts(self, right: Int64[np.ndarray, "k g"]) -> Float64[np.ndarray, " k"]:
        values = self.metric.values_of_counts(right, self.kernels.labels)
        return values if self.metric.higher_is_better else -values


class LikelihoodScorer(Scorer[NegativeLogLikelihood]):
    """Computes mean negative log-likelihoods: of subsets for ranking, within 1e-5, and of mixtures within 1e-6."""

    @property
    def bound(self) -> float:
        """Largest error of a score against real arithmetic, in nats."""
        fast = self.kernels.partitions
        return self.kernels.losses.bound if fast is None else max(fast.bound, self.kernels.losses.bound)

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        fast, masks = self.kernels.partitions, proposals > 0
        if fast is None:
            return self.exact_scores(proposals)
        if proposals.dtype == np.bool_:
            return -fast.means(masks)
        scores, subsets = np.empty(len(proposals)), subset_rows(proposals)
        scores[subsets] = -fast.means(masks[subsets])
        if not subsets.all():
            scores[~subsets] = self.exact_scores(proposals[~subsets])
        return scores

    def exact_scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores within 1e-6."""
        return -self.kernels.losses.means(coefficients_of(proposals))

    def neighbours(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the sums of the subset that is moved from."""
        return self._moves(mask, moved)

    def swaps(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the sums of the subset that is moved from."""
        return self._moves(mask, moved)

    def _moves(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        fast = self.kernels.partitions
        if fast is None:
            return self.exact_scores(moved)
        return -fast.moves(mask, steps_of(mask, moved), moved)


class PerplexityScorer(Scorer[Perplexity]):
    """Computes perplexities, from mean negative log-likelihoods.

    Arguments:
        metric: the metric.
        kernels: the kernels of the bank.
    """

    def __init__(self, metric: Perplexity, kernels: Kernels) -> None:
        super().__init__(metric, kernels)
        self._likelihoods = LikelihoodScorer(metric, kernels)

    @cached_property
    def bound(self) -> float:
        """Largest error of a score.

        The loss is convex in the averaged logits, so no recipe has a larger one than the worst ingredient, and an error
        b of a loss changes no perplexity by more than `(eᵇ − 1)` times that of this ingredient.
        """
        worst = -self._likelihoods.exact_scores(np.eye(len(self.kernels.bank), dtype=bool)).min()
        return float(np.expm1(self._likelihoods.bound) * np.exp(worst))

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        return -np.exp(-self._likelihoods.scores(proposals))

    def exact_scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores with the smallest available error."""
        return -np.exp(-self._likelihoods.exact_scores(proposals))

    def neighbours(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the sums of the subset that is moved from."""
        return -np.exp(-self._likelihoods.neighbours(mask, moved))

    def swaps(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the sums of the subset that is moved from."""
        return -np.exp(-self._likelihoods.swaps(mask, moved))


class ChancesScorer(Scorer[OfProbabilities]):
    """Computes mean negative log-likelihoods of averaged probabilities."""

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        return -self.kernels.losses.means(coefficients_of(proposals))


class TemperedScorer(Scorer[TemperedLikelihood]):
    """Computes mean negative log-likelihoods after a temperature of each recipe's own, within `bound`."""

    @property
    def bound(self) -> float:
        """Largest error of a score, in nats."""
        fast = self.kernels.tempered_moments
        return FITTED if fast is None else fast.bound

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        fast, whole = self.kernels.tempered_moments, proposals.dtype == np.bool_
        subsets = np.ones(len(proposals), dtype=bool) if whole else subset_rows(proposals)
        losses = np.full(len(proposals), np.nan)
        if fast is not None:
            losses[subsets] = fast.means(proposals[subsets] > 0)
        return self._completed(losses, proposals)

    def neighbours(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the sums of the subset that is moved from."""
        return self._moves(mask, moved)

    def swaps(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the sums of the subset that is moved from."""
        return self._moves(mask, moved)

    def _moves(self, mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        fast = self.kernels.tempered_moments
        return (
            self.scores(moved)
            if fast is None
            else self._completed(fast.moves(mask, steps_of(mask, moved), moved), moved)
        )

    def _completed(self, losses: Float64[np.ndarray, " k"], proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores from losses, of which those that are NaN are computed densely."""
        missing = np.isnan(losses)
        if missing.any():
            losses[missing] = self.kernels.tempered.means(coefficients_of(proposals[missing]))
        return -losses


class MomentsScorer(Scorer[MomentsMetric]):
    """Computes metrics of values from moments, N² operations a recipe."""

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        values = self.metric.of_moments(self.kernels.moments.moments(coefficients_of(proposals)))
        if np.isnan(values).any():
            raise InputError(f"{self.metric.name} is undefined: all {len(self.kernels.labels)} labels are the same")
        return values if self.metric.higher_is_better else -values


@singledispatch
def scorer_of(metric: Metric, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]  # of any metric
    """The scorer for a metric's family."""
    return AverageScorer(metric, kernels)


@scorer_of.register
def _(metric: PredictionMetric, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    return PredictionScorer(metric, kernels)


@scorer_of.register
def _(metric: RightSamplesMetric, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    return RightSamplesScorer(metric, kernels)


@scorer_of.register
def _(metric: MomentsMetric, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    return MomentsScorer(metric, kernels)


@scorer_of.register
def _(metric: DecisionsMetric, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    from radin.scoring.surrogate.decisions import DecisionsScorer

    return DecisionsScorer(metric, kernels)


@scorer_of.register
def _(metric: NegativeLogLikelihood, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    return LikelihoodScorer(metric, kernels)


@scorer_of.register
def _(metric: Perplexity, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    return PerplexityScorer(metric, kernels)


@scorer_of.register
def _(metric: OfProbabilities, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    likelihood = isinstance(metric.metric, NegativeLogLikelihood)
    return ChancesScorer(metric, kernels) if likelihood else AverageScorer(metric, kernels)


@scorer_of.register
def _(metric: TemperedLikelihood, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    return TemperedScorer(metric, kernels)


def steps_of(mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Int64[np.ndarray, "k 2"]:
    """The ingredient that leaves in each move from a subset, and the one that comes in; −1 for none."""
    parts = (mask & ~moved, moved & ~mask)
    return np.stack([np.where(one.any(axis=1), one.argmax(axis=1), -1) for one in parts], axis=1)


def coefficients_of(proposals: Proposal) -> Float64[np.ndarray, "k n"]:
    """Proposals as summation coefficients: 1 for each member of a subset, whether it came as a mask or as weights; else
    the weights."""
    if proposals.dtype == np.bool_:
        return proposals.astype(np.float64)
    return np.where(subset_rows(proposals)[:, None], (proposals > 0).astype(np.float64), proposals)
