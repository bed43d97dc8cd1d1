"""One-ingredient moves between soups, scored together where the objective can, and as proposals where it cannot.

A soup has at least two ingredients. Moves to single ones are left out: where the best ingredient outdoes every soup
near it, a search that may settle there finds no soup at all.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias

import numpy as np
from jaxtyping import Bool, Float64

import radin
from radin.recipe import flips_of, swaps_of

#: Moves and their scores, from inside of a searcher: `moves, scores = yield from flips(problem, mask)`.
Scored: TypeAlias = Generator[np.ndarray, np.ndarray, tuple[Bool[np.ndarray, "k n"], Float64[np.ndarray, " k"]]]


def flips(problem: radin.Problem, mask: Bool[np.ndarray, " n"], among: Bool[np.ndarray, " n"] | None = None) -> Scored:
    """The subsets of at least two ingredients that differ from `mask` in one, in pool order.

    Arguments:
        problem: the pool.
        mask: the subset to move from.
        among: the ingredients to put in or take out; all by default. Where the objective scores neighbours together,
            all of them are scored, and charged, whichever are asked for.
    """
    moves = flips_of(mask)
    wanted = moves.sum(axis=1) >= 2
    if among is not None:
        wanted &= among
    if not wanted.any():
        return moves[wanted], np.zeros(0)
    if "neighbours" in problem.abilities:
        return moves[wanted], problem.neighbours(mask)[wanted]
    return moves[wanted], (yield moves[wanted])


def swaps(problem: radin.Problem, mask: Bool[np.ndarray, " n"]) -> Scored:
    """The subsets in which one member of a soup is exchanged for one non-member, by member, then by non-member."""
    moves = swaps_of(mask)
    if not len(moves):
        return moves, np.zeros(0)
    if "swaps" in problem.abilities:
        return problem.swaps(mask)
    return moves, (yield moves)
