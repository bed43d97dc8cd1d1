"""The problem that a searcher receives: the pool, the only source of randomness, and a few helpers."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping
from functools import cached_property
from typing import Protocol, TypeAlias, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.errors import InputError
from radin.recipe import numbered_subsets
from radin.scoring.moves import rows_at_once

#: The type of a running searcher: it yields proposals, `bool[k, n]` masks or `float[k, n]` mixing weights, and receives
#: their scores, `float64[k]`.
Proposals: TypeAlias = Generator[np.ndarray, np.ndarray, None]


@runtime_checkable
class Scorer(Protocol):
    """The driver as a problem uses it: scores and charges recipes that a searcher asks for outside of its proposals."""

    @property
    def has_gradient(self) -> bool:
        """See `Problem.has_gradient`."""

    def neighbours(
        self, mask: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"] | None = None
    ) -> Float64[np.ndarray, " n"]:
        """See `Problem.neighbours`."""

    def swaps(self, mask: Bool[np.ndarray, " n"]) -> tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
        """See `Problem.swaps`."""

    def loss_and_gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """See `Problem.loss_and_gradient`."""

    def additions(self, counts: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """See `Problem.additions`."""

    def subset_range(self, start: int, stop: int) -> Float64[np.ndarray, " k"]:
        """See `Problem.subset_range`."""


class Problem:
    """A pool to be searched. `radin.search` makes it and passes it to the searcher's generator function.

    Arguments:
        names: the ingredients' names, in pool order, `n` of them.
        solo: each ingredient's own score, `float64[n]`, without the prior, or a function that gives it when it is
            needed. It is outside the budget: the logits give it, or one call for each ingredient.
        rng: the only source of randomness that a searcher may use.
        scorer: answers `neighbours`, `swaps`, `additions`, `subset_range` and `loss_and_gradient`.
    """

    def __init__(
        self,
        names: tuple[str, ...],
        solo: Float64[np.ndarray, " n"] | Callable[[], Float64[np.ndarray, " n"]],
        rng: np.random.Generator,
        scorer: Scorer,
    ) -> None:
        self.names = names
        self.rng = rng
        self._solo = solo
        self._scorer = scorer
        self._reported: dict[str, float] = {}

    @property
    def n(self) -> int:
        """Number of ingredients in the pool."""
        return len(self.names)

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score, without the prior; read-only."""
        own = np.array(self._solo() if callable(self._solo) else self._solo, dtype=np.float64)
        own.flags.writeable = False
        return own

    @property
    def has_gradient(self) -> bool:
        """Whether `loss_and_gradient` is available: a surrogate has a gradient, a verifier has none."""
        return self._scorer.has_gradient

    def in_parts(self, count: int) -> Iterator[Int64[np.ndarray, " k"]]:
        """The numbers from 0 to `count`, as many at once as subsets should be proposed at once.

        A proposal of n subsets takes n² bytes. Over pools of up to 4 096 ingredients a part has 4 096 numbers or more;
        over larger ones it has as many as keep a proposal within 16 MB.

        Arguments:
            count: how many subsets there are, which the searcher makes from their numbers.
        """
        step = rows_at_once(self.n)
        for start in range(0, count, step):
            yield np.arange(start, min(start + step, count))

    def random_subsets(self, k: int, p: float = 0.5) -> Bool[np.ndarray, "k n"]:
        """Independent random subsets, none of them empty.

        Arguments:
            k: number of subsets.
            p: chance of each ingredient to be a member. The distribution is that of independent choices given that
                the subset is not empty; `p = 0` is its limit, one ingredient chosen uniformly.

        Raises:
            InputError: `p` is no probability.
        """
        if not 0 <= p <= 1:
            raise InputError(f"p must be a probability between 0 and 1, got {p!r}")
        if p == 0.5:  # fair coins come eight to a random byte, which is many times faster
            coins = self.rng.integers(256, size=(k, -(-self.n // 8)), dtype=np.uint8)
            masks = np.unpackbits(coins, axis=1, count=self.n).view(np.bool_)
        else:
            masks = self.rng.random((k, self.n)) < p
        empty = np.flatnonzero(~masks.any(axis=1))
        if empty.size:
            # Given that a subset is not empty, its first member is i with chance ∝ (1 − p)^i; the later ones are free.
            chances = (1 - p) ** np.arange(self.n)
            first = self.rng.choice(self.n, size=empty.size, p=chances / chances.sum())[:, None]
            later = (np.arange(self.n) > first) & (self.rng.random((empty.size, self.n)) < p)
            masks[empty] = later | (np.arange(self.n) == first)
        return masks

    def flip(self, masks: Bool[np.ndarray, "k n"]) -> Bool[np.ndarray, "k n"]:
        """Copies of subsets, each with one random ingredient added or removed. None becomes empty.

        At `n = 1` the copies are equal to the subsets.
        """
        flipped = masks.copy()
        if self.n == 1:
            return flipped
        lone = masks.sum(axis=1) == 1
        chosen = self.rng.integers(0, np.where(lone, self.n - 1, self.n))
        chosen += lone & (chosen >= masks.argmax(axis=1))  # skips the only member
        rows = np.arange(len(masks))
        flipped[rows, chosen] ^= True
        return flipped

    def numbered_subsets(self, start: int, stop: int) -> Bool[np.ndarray, "k n"]:
        """The subsets `start` to `stop − 1`, where ingredient `i` is in subset `s` iff bit `i` of `s` is set.

        All of them are 1 to `2ⁿ − 1`; 0 would be empty.

        Raises:
            InputError: numbers out of this range, or a pool of more than 62.
        """
        self._check_range(start, stop)
        return numbered_subsets(start, stop, self.n)

    def report(self, numbers: Mapping[str, float | int]) -> None:
        """Reports numbers about the searcher's own result to the caller of `radin.search`.

        They are in `Shortlist.reported`, also when the budget ends the search.

        Arguments:
            numbers: the numbers by name; earlier values of the same names are replaced.
        """
        self._reported.update({name: float(number) for name, number in numbers.items()})

    @property
    def reported(self) -> dict[str, float]:
        """The numbers reported so far."""
        return dict(self._reported)

    def neighbours(
        self, mask: Bool[np.ndarray, " n"], *, among: Bool[np.ndarray, " n"] | None = None
    ) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` subsets that differ from `mask` in ingredient `i`; `-inf` where that would be empty.

        Charged like proposals: one evaluation for each subset that was not scored before. A surrogate scores all `n`
        together, much faster than one by one.

        Arguments:
            mask: the subset to move from.
            among: the ingredients to add or remove, all by default; the score is `-inf` for the others. Saves
                evaluations where subsets are scored one by one, as on a verifier. An objective that scores all
                neighbours together is charged for all of them.
        """
        return self._scorer.neighbours(mask, among)

    def swaps(self, mask: Bool[np.ndarray, " n"]) -> tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]:
        """All subsets in which one member is exchanged for one non-member, and their scores; charged like proposals.

        Ordered by the member that leaves, then by the one that comes in, both in pool order.
        """
        return self._scorer.swaps(mask)

    def loss_and_gradient(self, weights: Float64[np.ndarray, " n"]) -> tuple[float, Float64[np.ndarray, " n"]]:
        """A smooth loss of one recipe (lower is better) and its gradient in the mixing weights, `float64[n]`.

        Charged as one evaluation for each recipe whose gradient was not computed before. The loss is no score: yield
        the recipe to have it scored and listed.

        Raises:
            AbilityError: the objective has no gradient.
        """
        return self._scorer.loss_and_gradient(weights)

    def additions(self, counts: Int64[np.ndarray, " n"]) -> Float64[np.ndarray, " n"]:
        """Scores of the `n` recipes that arise when ingredient `i` is taken once more; charged like proposals.

        Arguments:
            counts: how often each ingredient has been taken, 0 for none yet. The recipe that ingredient `i` leads to
                has the weights `(counts + eᵢ) / (Σ counts + 1)`.

        Raises:
            InputError: not `n` whole numbers of at least 0.
        """
        return self._scorer.additions(counts)

    def subset_range(self, start: int, stop: int) -> Float64[np.ndarray, " k"]:
        """Scores of `numbered_subsets(start, stop)`; charged like proposals.

        Raises:
            InputError: numbers out of range, see `numbered_subsets`.
        """
        self._check_range(start, stop)
        return self._scorer.subset_range(start, stop)

    def _check_range(self, start: int, stop: int) -> None:
        whole = isinstance(start, int | np.integer) and isinstance(stop, int | np.integer)
        if self.n > 62 or not whole or not 1 <= start < stop <= 2**self.n:
            raise InputError(
                "expected whole numbers 1 ≤ start < stop ≤ 2^n in a pool of n ≤ 62, got "
                f"start {start!r}, stop {stop!r}, n {self.n}"
            )
