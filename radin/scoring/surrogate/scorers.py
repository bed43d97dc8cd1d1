"""The scorer of each family of metrics, by the kernel that fits it.

The family of a metric (see `radin.scoring.metrics.base`) decides the kernel: `scorer_of` has one entry per family, and
a metric of no family is computed from the averaged logits of each recipe. A new family registers its scorer there.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from jaxtyping import Float64

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
from radin.scoring.metrics.values import defined
from radin.scoring.objective import Proposal
from radin.scoring.surrogate.counting_scorers import DecisionsScorer, RightSamplesScorer
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.likelihood_scorers import (
    LikelihoodScorer,
    PerplexityScorer,
    ProbabilityScorer,
    TemperedScorer,
)
from radin.scoring.surrogate.scorer import Scorer, coefficients_of


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


class MomentsScorer(Scorer[MomentsMetric]):
    """Computes metrics of values from moments, N² operations a recipe."""

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        values = self.metric.of_moments(self.kernels.moments.moments(coefficients_of(proposals)))
        values = defined(values, self.metric.name, len(self.kernels.labels))
        return values if self.metric.higher_is_better else -values


@singledispatch
def scorer_of(metric: Metric, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]  # of any metric
    """The scorer for a metric's family."""
    return AverageScorer(metric, kernels)


scorer_of.register(PredictionMetric, PredictionScorer)
scorer_of.register(RightSamplesMetric, RightSamplesScorer)
scorer_of.register(MomentsMetric, MomentsScorer)
scorer_of.register(DecisionsMetric, DecisionsScorer)
scorer_of.register(NegativeLogLikelihood, LikelihoodScorer)
scorer_of.register(Perplexity, PerplexityScorer)
scorer_of.register(TemperedLikelihood, TemperedScorer)


@scorer_of.register
def _(metric: OfProbabilities, kernels: Kernels) -> Scorer:  # type: ignore[type-arg]
    likelihood = isinstance(metric.metric, NegativeLogLikelihood)
    return ProbabilityScorer(metric, kernels) if likelihood else AverageScorer(metric, kernels)
