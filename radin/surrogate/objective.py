"""`Surrogate`: scores recipes from the averaged logits of their members."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool, Float64

from radin.errors import InputError
from radin.metrics import Metric, get_metric
from radin.objective import Proposal
from radin.recipe import as_proposals, effective_sizes, subset_rows
from radin.surrogate.dense import Bank, DenseKernel
from radin.surrogate.prior import prior_terms, validate_strength

if TYPE_CHECKING:
    import torch


class Surrogate:
    """The cheap objective: `metric(averaged logits) + λ · se · (n_eff − 1) / (N − 1)`, higher is better.

    For small steps away from a shared initialisation the loss of averaged logits is, to first order, that of averaged
    weights (RADIN, arXiv 2401.17790), so this ranks soups without building them. Scores of metrics that count
    predictions are exact: those of real arithmetic on the stored logits. No score depends on the recipes beside it.

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
        lam: float = 0.0,
        *,
        device: str | torch.device = "cpu",
    ) -> None:
        self.bank = bank
        self.metric = get_metric(metric)
        self.lam = validate_strength(lam)
        self.device = device
        self._labels = np.asarray(bank.labels, dtype=np.int64)
        self._dense = DenseKernel(bank, device)

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""
        return tuple(self.bank.names)

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score, without the prior."""
        return self.metric_scores(np.eye(len(self.bank), dtype=bool))

    @cached_property
    def se(self) -> float:
        """Standard error of the metric of the best ingredient (the first of equal ones) on these samples."""
        logits = self.bank.read(int(self.solo.argmax()), 0, self.bank.n_samples)
        return self.metric.standard_error(self.metric.measure(np.asarray(logits), self._labels), self._labels)

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, `bool[k, n]` masks or `float[k, n]` mixing weights, with the prior.

        Raises:
            InputError: rows that are no recipes over this pool.
        """
        proposals = as_proposals(weights, len(self.bank))
        return self._scores(_coefficients(proposals)) + self.prior(proposals)

    def metric_scores(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """The metric of averaged logits, higher is better, without the prior."""
        return self._scores(_coefficients(as_proposals(weights, len(self.bank))))

    def prior(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """The prior's part of the scores."""
        sizes = effective_sizes(as_proposals(weights, len(self.bank)))
        if len(self.bank) == 1 or self.lam == 0:
            return np.zeros(len(sizes))
        return prior_terms(sizes, len(self.bank), self.lam, self.se)

    def tie_break(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Negative log-likelihood of averaged logits; lower is better."""
        return self._dense.mean_losses(_coefficients(as_proposals(weights, len(self.bank))))

    def _scores(self, coefficients: Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        metric, labels = self.metric, self._labels
        if metric.statistic == "loss":
            return -self._dense.mean_losses(coefficients)
        if metric.statistic == "logits":
            return np.array([metric.score_of(self._dense.average(row), labels) for row in coefficients])
        if metric.statistic == "correct" and metric.top > 1:
            raise InputError("top-k comes with the margin kernel")
        predictions = self._dense.predictions(coefficients)
        found = predictions if metric.statistic == "prediction" else predictions == labels
        return np.array([metric.score_of(row, labels) for row in found])


def _coefficients(proposals: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"]) -> Float64[np.ndarray, "k n"]:
    """Proposals as summation coefficients: 1 for each member of a subset, however it was written; else the weights."""
    if proposals.dtype == np.bool_:
        return proposals.astype(np.float64)
    return np.where(subset_rows(proposals)[:, None], (proposals > 0).astype(np.float64), proposals)
