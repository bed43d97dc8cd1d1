"""Local search over subsets: the steepest move, from many starts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Annotated

import numpy as np
from annotated_types import Ge
from jaxtyping import Bool

import radin


def local_search(
    problem: radin.Problem,
    *,
    starts: Annotated[Annotated[int, Ge(1)] | None, "how many starts; null: until the budget is spent"] = None,
    exchange: Annotated[bool, "also exchange one member for one non-member where no flip improves"] = True,
) -> radin.Proposals:
    """The best of all one-ingredient moves, again and again, from the best ingredient and many other starts.

    The first start is the best ingredient, the second the best of the sets of the k best ingredients, the others are
    random subsets of any size. From each it climbs to a soup, of two ingredients or more, that no single ingredient put
    in or taken out improves, and no exchange of a member for a non-member either. A step costs n evaluations, an
    exchange up to n²/4.
    """
    for number, sets in enumerate(_starts(problem), start=1):
        found: list[tuple[float, Bool[np.ndarray, " n"]]] = []
        for subsets in sets:
            scores = np.where(subsets.sum(axis=1) >= 2, (yield subsets), -np.inf)
            found.append((float(scores.max()), subsets[scores.argmax()]))
        score, start = max(found, key=itemgetter(0))
        _climb(problem, start, score, exchange)
        if number == starts:
            return


def _starts(problem: radin.Problem) -> Iterator[Iterable[Bool[np.ndarray, "k n"]]]:
    """Sets of subsets, in parts; the best soup of a set is a start."""
    rank = np.argsort(np.argsort(-problem.solo, kind="stable"))
    yield [rank[None] == 0]
    yield (rank < 1 + sizes[:, None] for sizes in problem.in_parts(problem.n))
    while True:
        yield [problem.random_subsets(1, problem.rng.random())]


def _climb(problem: radin.Problem, mask: Bool[np.ndarray, " n"], score: float, exchange: bool) -> None:
    """Takes the best move again and again, until none improves; the driver keeps what was scored."""
    ingredients = np.arange(problem.n)
    if mask.sum() < 2:
        score = -np.inf  # no soup yet
    while True:
        # A soup has at least two ingredients. Moves to single ones are left out: where the best ingredient outdoes
        # every soup near it, a search that may end there finds no soup at all.
        scores = problem.neighbours(mask, among=~mask if mask.sum() <= 2 else None)
        if (scores > score).any():
            best = int(scores.argmax())
            mask, score = mask ^ (ingredients == best), float(scores[best])
            continue
        if not exchange or mask.sum() < 2:
            return
        exchanges, scores = problem.swaps(mask)
        if not (scores > score).any():
            return
        best = int(scores.argmax())
        mask, score = exchanges[best], float(scores[best])


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(local_search)
