"""The abilities of an objective beside scores, as a searcher asks for them: charged like proposals."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.errors import AbilityError, InputError
from radin.recipe import as_proposals, numbered_subsets
from radin.scoring import moves
from radin.scoring.objective import Objective
from radin.searching.account import Account, fast_way


class Abilities:
    """Scores the moves that a searcher asks for outside of its proposals; the `Scorer` of a search's problem.

    An objective that scores several moves in one call does so; by any other they are scored one by one.

    Arguments:
        objective: of the search.
        account: charges what is asked for.
    """

    def __init__(self, objective: Objective, account: Account) -> None:
        self._objective, self._account = objective, account
        self._gradients: dict[bytes, tuple[float, Float64[np.ndarray, " n"]]] = {}

    @property
    def has_gradient(self) -> bool:
        """Whether the objective has a gradient in the mixing weights."""
        return fast_way(self._objective, "loss_and_gradient") is not None

    def neighbours(
        self, mask: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"] | None = None
    ) -> Float64[np.ndarray, " n"]:
        """See `Problem.neighbours`."""
        subset, fast = self._subset(mask), fast_way(self._objective, "neighbours")
        allowed = moves.flips_to_recipes(subset)
        wanted = np.isin(np.arange(self._account.n), allowed) & (True if among is None else self._among(among))
        answers = np.full(self._account.n, -np.inf)
        if not wanted.any():
            return answers
        scored = np.flatnonzero(wanted) if fast is None else allowed
        together = None if fast is None else lambda: np.asarray(fast(subset))[allowed]
        answers[scored] = self._account.score_moves(moves.flips(subset).those(scored), together)
        return np.where(wanted, answers, -np.inf)

    def swaps(self, mask: Bool[np.ndarray, " n"]) -> tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
        """See `Problem.swaps`."""
        subset, fast = self._subset(mask), fast_way(self._objective, "swaps")
        swapped = moves.swaps(subset)
        if not len(swapped):
            return swapped.all(), np.empty(0)

        def together() -> Float64[np.ndarray, " k"]:
            assert fast is not None
            masks, scores = fast(subset)
            if not np.array_equal(masks, swapped.all()):
                raise InputError("the objective's swaps must come by member, then by non-member, both in pool order")
            return scores

        scores = self._account.score_moves(swapped, together if fast else None)
        return swapped.all(), scores

    def loss_and_gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """See `Problem.loss_and_gradient`."""
        fast = fast_way(self._objective, "loss_and_gradient")
        if fast is None:
            raise AbilityError(
                f"{type(self._objective).__name__} has no gradient (no method `loss_and_gradient`); search another "
                "objective, such as a radin.Surrogate, or let the searcher look at `problem.has_gradient` first"
            )
        row = as_proposals(np.asarray(weights, dtype=np.float64)[None], self._account.n)
        key = row.tobytes()
        self._account.count(1, key not in self._gradients)
        if key not in self._gradients:
            loss, gradient = self._account.buy(lambda: fast(row[0]))
            self._gradients[key] = float(loss), np.array(gradient, dtype=np.float64)
        loss, gradient = self._gradients[key]
        return loss, gradient.copy()

    def additions(self, counts: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """See `Problem.additions`."""
        taken, fast = np.asarray(counts), fast_way(self._objective, "additions")
        if taken.shape != (self._account.n,) or not np.issubdtype(taken.dtype, np.integer) or (taken < 0).any():
            raise InputError(f"expected {self._account.n} counts, whole numbers of at least 0, got {counts!r}")
        taken = taken.astype(np.int64)
        return self._account.score_moves(
            moves.additions(taken), None if fast is None else partial(fast, taken), whole=False
        )

    def subset_range(self, start: int, stop: int) -> Float64[np.ndarray, " k"]:
        """See `Problem.subset_range`."""
        fast = fast_way(self._objective, "subset_range")
        return self._account.score(
            numbered_subsets(start, stop, self._account.n), None if fast is None else partial(fast, start, stop)
        )

    def _among(self, among: Any) -> Bool[np.ndarray, " n"]:
        chosen = np.asarray(among)
        if chosen.shape != (self._account.n,) or chosen.dtype != np.bool_:
            raise InputError(
                f"expected `among` as bool[{self._account.n}], got {chosen.dtype} of shape {list(chosen.shape)}"
            )
        return chosen

    def _subset(self, mask: Any) -> Bool[np.ndarray, " n"]:
        subset = as_proposals(np.asarray(mask)[None], self._account.n)[0]
        if subset.dtype != np.bool_:
            raise InputError(f"expected a mask of dtype bool, got {subset.dtype}")
        return subset
