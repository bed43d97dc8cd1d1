"""Scores of metrics of likelihoods, from sums over samples, within stated bounds."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from jaxtyping import Bool, Float64

from radin.recipe import subset_rows
from radin.scoring.metrics import NegativeLogLikelihood, OfProbabilities, Perplexity, TemperedLikelihood
from radin.scoring.moves import Moves, singles
from radin.scoring.objective import Proposal
from radin.scoring.surrogate.kernels import Kernels
from radin.scoring.surrogate.scorer import Scorer, coefficients_of, steps_of
from radin.scoring.surrogate.tempered_kernel import FITTED


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

    def neighbours(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the sums of the subset that is moved from."""
        return self._moves(mask, moves)

    def swaps(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the sums of the subset that is moved from."""
        return self._moves(mask, moves)

    def _moves(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        fast = self.kernels.partitions
        if fast is None:
            return moves.scored(self.exact_scores)
        moved = moves.all()
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
        worst = -singles(len(self.kernels.bank)).scored(self._likelihoods.exact_scores).min()
        share = float(np.expm1(self._likelihoods.bound))
        return share * float(self.metric.of_losses(worst)) if share else 0.0  # and not 0 · ∞, of a model that diverged

    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""
        return -self.metric.of_losses(-self._likelihoods.scores(proposals))

    def exact_scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores with the smallest available error."""
        return -self.metric.of_losses(-self._likelihoods.exact_scores(proposals))

    def neighbours(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the sums of the subset that is moved from."""
        return -self.metric.of_losses(-self._likelihoods.neighbours(mask, moves))

    def swaps(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the sums of the subset that is moved from."""
        return -self.metric.of_losses(-self._likelihoods.swaps(mask, moves))


class ProbabilityScorer(Scorer[OfProbabilities]):
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

    def neighbours(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all one-ingredient moves, from the sums of the subset that is moved from."""
        return self._moves(mask, moves)

    def swaps(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of all exchanges, from the sums of the subset that is moved from."""
        return self._moves(mask, moves)

    def _moves(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        fast = self.kernels.tempered_moments
        if fast is None:
            return moves.scored(self.scores)
        moved = moves.all()
        return self._completed(fast.moves(mask, steps_of(mask, moved), moved), moved)

    def _completed(self, losses: Float64[np.ndarray, " k"], proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores from losses, of which those that are NaN are computed densely."""
        missing = np.isnan(losses)
        if missing.any():
            losses[missing] = self.kernels.tempered.means(coefficients_of(proposals[missing]))
        return -losses
