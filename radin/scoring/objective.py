"""The one protocol that surrogate and verifier share: weights in, scores out, higher is better."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int64

#: The unit in which evaluations are charged: a *candidate* is scored from averaged logits, a *soup* is built and run.
Unit = Literal["candidate", "soup"]

Proposal = Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"]


@runtime_checkable
class Objective(Protocol):
    """Scores recipes over one pool; higher is better.

    Anything with these four members can be searched: `radin.Surrogate`, `radin.Verifier`, or one's own.
    """

    @property
    def unit(self) -> Unit:
        """The unit in which evaluations are charged."""

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""

    @property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score, without a prior."""

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, `bool[k, n]` masks or `float64[k, n]` mixing weights."""


@runtime_checkable
class HasTieBreak(Protocol):
    """An objective that can order recipes of equal score."""

    def tie_break(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """A loss that orders recipes of equal score; lower is better (negative log-likelihood in the shortlist)."""


@runtime_checkable
class HasRefinement(Protocol):
    """An objective whose scores are approximate within a bound, and that can score again with a smaller error."""

    @property
    def bound(self) -> float:
        """How far a score may be from the true one; 0 for exact scores."""

    def refined(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes with the smallest error there is."""


@runtime_checkable
class HasNeighbours(Protocol):
    """An objective that scores all one-ingredient moves of a subset together, cheaper than one by one."""

    def neighbours(self, mask: Bool[np.ndarray, " n"], /) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` subsets that differ from `mask` in ingredient `i`; `-inf` where that would be empty."""

    def swaps(self, mask: Bool[np.ndarray, " n"], /) -> tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
        """All subsets in which one member is exchanged for one non-member, and their scores.

        Ordered by the member that leaves, then by the one that comes in, both in pool order.
        """


@runtime_checkable
class HasGradient(Protocol):
    """An objective with a smooth loss in the mixing weights."""

    def loss_and_gradient(self, weights: Float64[np.ndarray, " n"], /) -> tuple[float, Float64[np.ndarray, " n"]]:
        """A smooth loss of one recipe (lower is better) and its gradient in the mixing weights."""


@runtime_checkable
class HasAdditions(Protocol):
    """An objective that scores all recipes with one ingredient taken once more, for selection with replacement."""

    def additions(self, counts: Int64[np.ndarray, " n"], /) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` recipes of weights `(counts + eᵢ) / (Σ counts + 1)`."""


@runtime_checkable
class HasSubsetRanges(Protocol):
    """An objective that scores consecutively numbered subsets together, cheaper than one by one."""

    def subset_range(self, start: int, stop: int, /) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `start` to `stop − 1`; ingredient `i` is in subset `s` iff bit `i` of `s` is set."""


@runtime_checkable
class HasSettings(Protocol):
    """An objective with settings on which its scores depend, beside pool and data."""

    @property
    def settings(self) -> Mapping[str, Any]:
        """Values by name, such as the metric; searches that differ in them are kept apart in the ledger."""
