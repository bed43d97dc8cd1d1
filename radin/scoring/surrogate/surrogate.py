"""`Surrogate`: scores recipes from the averaged logits of their members."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.errors import InputError
from radin.recipe import (
    as_proposals,
    effective_sizes,
    flips_of,
    mixing_weights,
    numbered_subsets,
    subset_rows,
    swaps_of,
)
from radin.scoring.metrics import Metric, get_metric
from radin.scoring.objective import Proposal
from radin.scoring.prior import prior_terms, validate_strength
from radin.scoring.surrogate.dense_kernel import Bank, DenseKernel
from radin.scoring.surrogate.likelihood_kernel import LikelihoodKernel
from radin.scoring.surrogate.margin_kernel import MarginKernel
from radin.scoring.surrogate.margins import prepare
from radin.scoring.surrogate.neighbours import step_hits, swap_hits
from radin.scoring.surrogate.subset_ranges import range_hits

if TYPE_CHECKING:
    import torch


_RECIPES = 1 << 14  # recipes turned into float64 coefficients at once


class Surrogate:
    """The cheap objective: `metric(averaged logits) + λ · se · (n_eff − 1) / (N − 1)`, higher is better.

    For small steps away from a shared initialisation the loss of averaged logits is, to first order, that of averaged
    weights (RADIN, arXiv 2401.17790), so this ranks soups without building them. Scores of metrics that count
    predictions are exact: those of real arithmetic on the stored logits. No such score depends on
    the recipes beside it; losses may, by rounding in the last bit.

    Arguments:
        bank: the logits, N ingredients × M samples × C classes.
        metric: a name, a `Metric`, or a callable `(logits, labels) -> m numbers or one number`; default accuracy.
        lam: strength λ ≥ 0 of the prior; default 0, no prior.
        device: where products are computed, as torch names it; default `cpu`.

    Raises:
        InputError: an unknown metric, or a λ that is negative or not finite.
    """

    unit: Literal["candidate"] = "candidate"

    def __init__(
        self,
        bank: Bank,
        metric: str | Metric | Callable[..., Any] = "accuracy",
        lam: float | int = 0.0,
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        self.bank = bank
        self.metric = get_metric(metric)
        self.lam = validate_strength(lam)
        self.device = device
        self._labels = np.asarray(bank.labels, dtype=np.int64)

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""
        return tuple(self.bank.names)

    @property
    def settings(self) -> dict[str, Any]:
        """What, beside the logits, the scores depend on."""
        return {"metric": self.metric.name, "lam": self.lam}

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score, without the prior."""
        return self.metric_scores(np.eye(len(self.bank), dtype=bool))

    @cached_property
    def se(self) -> float:
        """Standard error of the metric of the best ingredient (the first of equal ones) on these samples."""
        logits = self.bank.read(int(self.solo.argmax()), 0, self.bank.n_samples)
        return self.metric.standard_error(self.metric.measure(np.asarray(logits), self._labels), self._labels)

    def __call__(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, `bool[k, n]` masks or `float[k, n]` mixing weights, with the prior.

        Raises:
            InputError: rows that are no recipes over this pool.
        """
        proposals = as_proposals(weights, len(self.bank))
        return self._blockwise(proposals) + self._prior(proposals)

    def metric_scores(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """The metric of averaged logits, higher is better, without the prior."""
        return self._blockwise(as_proposals(weights, len(self.bank)))

    def prior(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """The prior's part of the scores."""
        return self._prior(as_proposals(weights, len(self.bank)))

    def _prior(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        if len(self.bank) == 1 or self.lam == 0:
            return np.zeros(len(proposals))
        return prior_terms(effective_sizes(proposals), len(self.bank), self.lam, self.se)

    def tie_break(self, weights: Any, /) -> Float64[np.ndarray, " k"]:
        """Negative log-likelihood of averaged logits; lower is better."""
        return self._losses.means(_coefficients(as_proposals(weights, len(self.bank))))

    def loss_and_gradient(self, weights: Any, /) -> tuple[float, Float64[np.ndarray, " n"]]:
        """Mean negative log-likelihood at mixing weights, and its gradient in them (each weight moved by itself)."""
        row = as_proposals(np.asarray(weights)[None], len(self.bank))
        return self._losses.gradient(mixing_weights(row)[0])

    @property
    def nll_bound(self) -> float:
        """How far `tie_break`, and scores of the metric `nll`, may be below the true value; at most `NLL_EPSILON`."""
        return self._losses.bound

    def neighbours(self, mask: Any, /) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` subsets that differ from `mask` in ingredient `i`; `-inf` where that would be empty."""
        row = self._mask(mask)
        moved = flips_of(row)
        filled = moved.any(axis=1)
        if self.metric.statistic != "correct" or not filled.all():
            scores = np.full(len(row), -np.inf)
            scores[filled] = self(moved[filled])
            return scores
        hits = step_hits(self.kernel, row.astype(np.float64), np.where(row, -1.0, 1.0))
        return self._from_hits(hits) + self._prior(moved)

    def swaps(self, mask: Any, /) -> tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
        """All subsets in which one member is exchanged for one non-member, and their scores."""
        row = self._mask(mask)
        moved = swaps_of(row)
        if self.metric.statistic != "correct" or not len(moved):
            return moved, self(moved)
        hits = swap_hits(self.kernel, row.astype(np.float64), np.flatnonzero(row), np.flatnonzero(~row))
        return moved, self._from_hits(hits) + self._prior(moved)

    def additions(self, counts: Any, /) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` recipes that arise when ingredient `i` is taken once more, for selection with replacement.

        Arguments:
            counts: how often each ingredient has been taken, 0 for none yet; the recipe's weights are its shares.

        Raises:
            InputError: counts of the wrong shape, or negative ones.
        """
        base = np.asarray(counts)
        if base.shape != (len(self.bank),) or not np.issubdtype(base.dtype, np.integer) or (base < 0).any():
            raise InputError(f"expected {len(self.bank)} counts, whole numbers of at least 0, got {counts!r}")
        weights = as_proposals((base + np.eye(len(base))) / (base.sum() + 1), len(base))
        if self.metric.statistic != "correct":
            return self(weights)
        hits = step_hits(self.kernel, base.astype(np.float64), np.ones(len(base)), _coefficients(weights))
        return self._from_hits(hits) + self._prior(weights)

    def subset_range(self, start: int, stop: int, /) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `start` to `stop − 1`; ingredient `i` is in subset `s` iff bit `i` of `s` is set.

        For metrics that count right samples, from sums over two halves of the pool.
        """
        masks = numbered_subsets(start, stop, len(self.bank))
        if self.metric.statistic != "correct":
            return self(masks)
        hits = range_hits(self.kernel, start, masks.astype(np.float64))
        return self._from_hits(hits) + self._prior(masks)

    def _mask(self, mask: Any) -> Bool[np.ndarray, " n"]:
        row = np.asarray(mask)
        if row.dtype != np.bool_:
            raise InputError(
                f"expected a mask, bool[{len(self.bank)}], got dtype {row.dtype}; moves start from subsets"
            )
        return as_proposals(row[None], len(self.bank))[0]

    def _blockwise(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        scores = np.empty(len(proposals))
        for rows in _slices(len(proposals)):
            scores[rows] = self._scores(proposals[rows])
        return scores

    def _scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        metric, labels = self.metric, self._labels
        if metric.statistic == "correct" and proposals.dtype == np.bool_:
            return self._from_hits(self.kernel.hits(proposals))
        coefficients = _coefficients(proposals)
        if metric.statistic == "loss":
            return -self._losses.means(coefficients)
        if metric.statistic == "correct":
            return self._from_hits(self.kernel.hits(coefficients))
        if metric.statistic == "prediction":
            return np.array([metric.score_of(row, labels) for row in self._dense.predictions(coefficients)])
        return np.array([metric.score_of(self._dense.average(row), labels) for row in coefficients])

    def _from_hits(self, hits: Int64[np.ndarray, "k g"]) -> Float64[np.ndarray, " k"]:
        """Scores from the right samples of each group."""
        if self.metric.counted == "together":
            return hits[:, 0] / self.bank.n_samples
        if self.metric.counted == "by class":
            return np.asarray((hits / self._groups[1]).mean(axis=1))
        return np.array([self.metric.score_of(row > 0, self._labels) for row in hits])

    @cached_property
    def _groups(self) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " g"]]:
        """The group in which each sample is counted, and the sizes of the groups."""
        if self.metric.counted == "together":
            groups = np.zeros_like(self._labels)
        elif self.metric.counted == "by class":
            groups = np.unique(self._labels, return_inverse=True)[1].reshape(-1).astype(np.int64)
        else:
            groups = np.arange(len(self._labels))
        return groups, np.bincount(groups)

    @cached_property
    def kernel(self) -> MarginKernel:
        """Counts right samples; made when first used, which reads all logits once."""
        groups, sizes = self._groups
        return MarginKernel(prepare(self.bank, self.metric.top), groups, len(sizes), self.device)

    @cached_property
    def _losses(self) -> LikelihoodKernel:
        return LikelihoodKernel(self.bank, self.device)

    @cached_property
    def _dense(self) -> DenseKernel:
        return DenseKernel(self.bank, self.device)


def _slices(k: int) -> Iterator[slice]:
    for start in range(0, k, _RECIPES):
        yield slice(start, min(start + _RECIPES, k))


def _coefficients(proposals: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, "k n"]:
    """Proposals as summation coefficients: 1 for each member of a subset, however it was written; else the weights."""
    if proposals.dtype == np.bool_:
        return proposals.astype(np.float64)
    return np.where(subset_rows(proposals)[:, None], (proposals > 0).astype(np.float64), proposals)
