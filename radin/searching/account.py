"""The account of one search: scores proposals, charges each distinct recipe once, and stops at the caps."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property, partial
from typing import Any, Literal, TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.errors import InputError
from radin.scoring import moves
from radin.scoring.moves import Moves
from radin.scoring.objective import Objective, Proposal
from radin.searching.scoreboard import Scoreboard

StopReason = Literal["budget", "seconds", "stalled", "exhausted"]

#: Candidates in one call of the objective: enough for the kernels, few enough to check time and progress in between.
CHUNK = 8192
#: A searcher is stopped after so many batches, or proposals, in a row without a new recipe.
STALLED_BATCHES = 1000
STALLED_PROPOSALS = 100_000

T = TypeVar("T")


class SearchStopped(GeneratorExit):
    """Ends a search: raised when a recipe cannot be scored any more, and caught by the driver.

    Like its base class it is no `Exception`, so a searcher that handles exceptions does not catch it.
    """

    def __init__(self, reason: StopReason) -> None:
        super().__init__(reason)
        self.reason = reason


class Account:
    """The record of one search: proposals, scores and charges.

    Arguments:
        objective: scores recipes.
        cap: largest number of evaluations to charge; None for no cap.
        seconds: largest wall-clock time in seconds; None for no cap.
        spent: seconds spent on this search in earlier processes.
        report: called with this account after each charge.
    """

    def __init__(
        self,
        objective: Objective,
        cap: int | None,
        seconds: float | None,
        spent: float,
        report: Callable[[Account], None],
    ) -> None:
        self.names = tuple(objective.names)
        self.board = Scoreboard(len(self.names))
        self.charged = self.proposed = 0
        self.stopped: StopReason | None = None
        self.failure: BaseException | None = None
        self._objective = objective
        self._free_singles = objective.unit == "soup"
        self._chunk = getattr(objective, "at_once", 1) if objective.unit == "soup" else CHUNK
        self._cap, self._limit = cap, seconds
        self._report = report
        self._begun = time.perf_counter() - spent
        self._idle_batches = self._idle_proposals = 0
        self._scored_before: list[int] = []  # of each charge without a score: recipes that had been scored

    @property
    def n(self) -> int:
        """Size of the pool."""
        return len(self.names)

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score. It is asked for when it is needed first: outside scores cost a call each."""
        return self.ask(lambda: np.array(self._objective.solo, dtype=np.float64))

    @property
    def seconds(self) -> float:
        """Wall-clock time spent on this search, restarts included."""
        return time.perf_counter() - self._begun

    def score(
        self, batch: Proposal, together: Callable[[], Float64[np.ndarray, " k"]] | None = None
    ) -> Float64[np.ndarray, " k"]:
        """Scores a validated batch.

        Arguments:
            batch: proposals as `as_proposals` returns them.
            together: computes the scores of all rows in one call; used if the cap allows all of them.

        Raises:
            SearchStopped: the cap does not allow the whole batch, or the searcher has stopped proposing new recipes.
        """
        return self.score_moves(moves.listed(batch), together, whole=batch.dtype == np.bool_)

    def score_moves(
        self, recipes: Moves, together: Callable[[], Float64[np.ndarray, " k"]] | None, *, whole: bool = True
    ) -> Float64[np.ndarray, " k"]:
        """Scores recipes, see `score`; whether all of them are subsets is `whole`."""
        numbers, new = self._admitted(recipes)
        any_new = bool(new.any())
        self.count(len(recipes), any_new)
        if any_new:
            self._evaluate(recipes, numbers, new, together)
        elif whole and self._nothing_left:
            self._stop("exhausted")
        return self.board.scores[numbers]

    def _admitted(self, recipes: Moves) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        """Each recipe's number on the board, and whether this is its first appearance.

        Ends with the block in which the cap is crossed: what comes after it is not scored.
        """
        parts, paid = [], 0
        for _, rows in recipes.blocks():
            parts.append(self.board.admit(rows))
            paid += int((~self._free(parts[-1][0][parts[-1][1]])).sum())
            if self._cap is not None and self.charged + paid > self._cap:
                break
        if len(parts) == 1:
            return parts[0]
        numbers, new = zip(*parts, strict=True) if parts else ((), ())
        return np.concatenate([np.empty(0, dtype=np.int64), *numbers]), np.concatenate([np.empty(0, bool), *new])

    def _free(self, numbers: Int64[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
        """Which recipes are not charged: single ingredients, where an evaluation is a soup."""
        return np.full(len(numbers), self._free_singles) & (self.board.sizes_of(numbers) == 1)

    def buy(self, question: Callable[[], T]) -> T:
        """Charges an answer of the objective that is no score, such as a gradient.

        Raises:
            SearchStopped: the cap does not allow it.
        """
        if self._cap is not None and self.charged >= self._cap:
            self._stop("budget")
        answer = self.ask(question)
        self._scored_before.append(self.board.scored)
        self._charge(1)
        return answer

    def trace(self) -> tuple[Int64[np.ndarray, " t"], Float64[np.ndarray, " t"]]:
        """Evaluations charged and the best score so far of two ingredients or more, at each improvement."""
        scores, sizes = self.board.scores, self.board.sizes
        charged = np.cumsum(sizes >= 2) if self._free_singles else np.arange(1, len(scores) + 1)
        charged = charged + np.searchsorted(
            self._scored_before, np.arange(len(scores)), side="right"
        )  # what was bought
        best = np.maximum.accumulate(np.where(sizes >= 2, scores, -np.inf))
        rises = best > np.concatenate([[-np.inf], best[:-1]])
        return charged[rises], best[rises]

    def _evaluate(
        self,
        recipes: Moves,
        numbers: Int64[np.ndarray, " k"],
        new: Bool[np.ndarray, " k"],
        together: Callable[[], Float64[np.ndarray, " k"]] | None,
    ) -> None:
        """Scores and charges the new recipes, as far as the cap allows."""
        fresh = recipes.those(np.flatnonzero(new))
        free = self._free(numbers[new])
        payable = len(fresh)
        if self._cap is not None and self.charged + len(fresh) > self._cap:
            payable = int(np.searchsorted(self.charged + np.cumsum(~free), self._cap, side="right"))
        if together is not None and payable == len(fresh):
            scores = self._checked(self.ask(together), len(recipes))[new]
            if free.any():
                scores[free] = self._own(fresh.make(np.flatnonzero(free)).argmax(axis=1))
            self.board.record(scores)
            self._charge(int((~free).sum()))
        else:
            self._evaluate_in_order(fresh, free[:payable])
        if payable < len(fresh):
            self._stop("budget")

    def _evaluate_in_order(self, fresh: Moves, free: Bool[np.ndarray, " m"]) -> None:
        """Scores and charges the first of some new recipes, a few at a time."""
        for start in range(0, len(free), self._chunk):
            chunk = fresh.make(np.arange(start, min(start + self._chunk, len(free))))
            paid = ~free[start : start + self._chunk]
            scores = np.empty(len(chunk))
            if not paid.all():
                scores[~paid] = self._own(chunk[~paid].argmax(axis=1))
            if paid.any():
                rows = chunk[paid]
                scores[paid] = self._checked(self.ask(partial(self._objective, rows)), len(rows))
            self.board.record(scores)
            self._charge(int(paid.sum()))

    def _own(self, members: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
        """Own scores of some ingredients."""
        fast = fast_way(self._objective, "own_scores")
        return self.solo[members] if fast is None else self._checked(self.ask(partial(fast, members)), len(members))

    def _charge(self, evaluations: int) -> None:
        self.charged += evaluations
        self.ask(lambda: self._report(self))
        # Checked after the work, never before, so that even a restart with little time left scores something.
        if self._limit is not None and self.seconds >= self._limit:
            self._stop("seconds")

    @property
    def _nothing_left(self) -> bool:
        """Whether all subsets were proposed, and no mixtures. There are always more mixtures to propose."""
        return not self.board.mixtures and self.n < 63 and self.board.subsets == 2**self.n - 1

    def count(self, proposals: int, any_new: bool) -> None:
        """Counts proposals. Ends a search that was stopped before, has failed, or proposes nothing new."""
        if self.failure is not None:  # some recipes have numbers but no scores
            raise self.failure
        if self.stopped is not None:
            raise SearchStopped(self.stopped)
        self.proposed += proposals
        self._idle_batches = 0 if any_new else self._idle_batches + 1
        self._idle_proposals = 0 if any_new else self._idle_proposals + proposals
        if self._idle_batches >= STALLED_BATCHES or self._idle_proposals >= STALLED_PROPOSALS:
            self._stop("stalled")

    def _stop(self, reason: StopReason) -> None:
        self.stopped = reason
        raise SearchStopped(reason)

    def ask(self, question: Callable[[], T]) -> T:
        """Calls the objective, or the report. Keeps its exception, to tell it from those of the searcher."""
        try:
            return question()
        except BaseException as error:
            self.failure = error
            raise

    def _checked(self, scores: Any, k: int) -> Float64[np.ndarray, " k"]:
        array = np.array(scores, dtype=np.float64)
        if array.shape != (k,) or np.isnan(array).any():
            self.failure = InputError(
                f"the objective must give {k} numbers for {k} recipes, got shape {list(array.shape)}"
                f" with {int(np.isnan(array).sum())} NaN"
            )
            raise self.failure
        return array


def fast_way(objective: Objective, name: str) -> Callable[..., Any] | None:
    """The objective's own method of a name, if it has one."""
    method = getattr(objective, name, None)
    return method if callable(method) else None
