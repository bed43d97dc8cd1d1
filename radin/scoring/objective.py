"""The one protocol that surrogate and verifier share: weights in, scores out, higher is better."""

from __future__ import annotations

from typing import Literal, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64

#: The unit in which evaluations are charged: a *candidate* is scored from averaged logits, a *soup* is built and run.
Unit = Literal["candidate", "soup"]

Proposal = Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"]


@runtime_checkable
class Objective(Protocol):
    """Scores recipes over one pool; higher is better.

    Anything with these four members can be searched: `radin.Surrogate`, `radin.Verifier`, or one's own. More members
    are used where an objective has them:

    - `tie_break(weights)`: a loss, `float64[k]`, that orders recipes of equal score, lower first;
    - `bound` and `refined(weights)`: how far scores may be from the true ones, and scores with a smaller error. All
      recipes that may belong to the shortlist, within twice the bound, are scored again by `refined`;
    - `neighbours(mask)`, `swaps(mask)`, `additions(counts)`, `subset_range(start, stop)`: the answers to the methods of
      `radin.Problem` with these names, computed together. Without them each recipe is scored by a call;
    - `own_scores(members)`: scores `float64[k]` of the ingredients with these indices. Without it a search that needs
      one of them asks for `solo`, that is, for all;
    - `loss_and_gradient(weights)`: a smooth loss of one recipe and its gradient in the mixing weights;
    - `at_once`: recipes that are scored in one call where an evaluation is a real soup; 1 without it;
    - `settings`: a mapping of values on which scores depend beside pool and data, such as the metric. Searches that
      differ in them are kept apart in the ledger.
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
