"""The result of a search: the best recipes that it found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, overload

import numpy as np
from jaxtyping import Float64, Int64

from radin.common.frames import frame
from radin.common.html import table
from radin.common.wording import counted, decimal
from radin.scoring.objective import Unit
from radin.scoring.scored import Scored
from radin.searching.account import StopReason

Stopped = StopReason | Literal["finished"]


@dataclass(frozen=True)
class Candidate(Scored):
    """A recipe and the score that the search's objective gave it.

    Attributes:
        recipe: the recipe.
        score: higher is better.
        number: number of distinct recipes that were scored before this one.
    """

    number: int


@dataclass(frozen=True)
class Shortlist(Sequence[Candidate]):
    """The best distinct recipes of at least two ingredients that a search found, best first.

    Equal scores are ordered by the objective's `tie_break` where it has one (for a surrogate: lower negative
    log-likelihood), then more ingredients, then pool order.

    Attributes:
        candidates: the recipes with their scores.
        searcher: the searcher's name.
        options: all its options, defaults included.
        seed: the seed of its randomness.
        unit: what its evaluations were charged as.
        charged: evaluations charged, one for each distinct recipe.
        proposed: recipes proposed, repeated ones included.
        seconds: wall-clock time, over all restarts.
        stopped: why it ended. `budget`: the cap was reached; `seconds`: the time was; `finished`: the searcher had no
            more to propose; `stalled`: it proposed nothing new for long; `exhausted`: every subset
            has been scored and nothing new came.
        trace: evaluations charged and the best score so far, at each improvement: two arrays `int64[t]`, `float64[t]`.
        reported: numbers that the searcher reports on itself, by name, such as the duality gap of `mixing`.
    """

    candidates: tuple[Candidate, ...]
    searcher: str
    options: Mapping[str, Any]
    seed: int
    unit: Unit
    charged: int
    proposed: int
    seconds: float
    stopped: Stopped
    trace: tuple[Int64[np.ndarray, " t"], Float64[np.ndarray, " t"]] = field(repr=False, compare=False)
    reported: Mapping[str, float] = field(default_factory=dict)

    @overload
    def __getitem__(self, index: int) -> Candidate: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[Candidate, ...]: ...
    def __getitem__(self, index: int | slice) -> Candidate | tuple[Candidate, ...]:
        return self.candidates[index]

    def __len__(self) -> int:
        return len(self.candidates)

    def __repr__(self) -> str:
        return f"Shortlist({self._summary})"

    def _repr_html_(self) -> str:
        rows = [(place, one.score, one.recipe.size, str(one.recipe)) for place, one in enumerate(self, 1)]
        return table(f"Shortlist: {self._summary}", ("", "score", "size", "recipe"), rows, note=self.note)

    @property
    def _summary(self) -> str:
        best = f", best {decimal(self[0].score)}: {self[0].recipe}" if self.candidates else ""
        return f"{counted(len(self), 'recipe')} by {self.searcher}, {counted(self.charged, self.unit)} charged{best}"

    def to_frame(self) -> Any:
        """The shortlist as a `pandas.DataFrame`, best first: score, size, and the recipe as a dictionary.

        Needs pandas, which no extra of radin brings: `pip install pandas`.

        Raises:
            InputError: pandas is not installed.
        """
        return frame([{"score": c.score, "size": c.recipe.size, "recipe": c.recipe.to_json()} for c in self])

    @property
    def note(self) -> str:
        """The reason why the shortlist is empty, in a sentence; an empty text if it is not."""
        if self.candidates:
            return ""
        spent = (
            f"{counted(self.proposed, 'proposal')}, {counted(self.charged, self.unit)} charged, stopped: {self.stopped}"
        )
        return f"searcher {self.searcher!r} found no recipe of at least two ingredients ({spent})"
