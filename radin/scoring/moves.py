"""Moves: the recipes that one step of a search may lead to, made a part at a time.

One step leads to n recipes over a pool of n, or to n²/4 of them, and a row of each takes n numbers. So rows are made
when they are needed, and never all at once where the pool is large.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.recipe import as_proposals
from radin.scoring.objective import Proposal

#: Entries of the rows that are held at once: 16 MB of masks, 128 MB of float64; all moves of a pool of up to 4 096.
ENTRIES = 1 << 24

#: Parts hold a multiple of so many rows where they can, as the kernels' own blocks of recipes do.
_ALIGNED = 256


@dataclass(frozen=True)
class Moves:
    """Recipes over one pool, by number.

    Arguments:
        n: size of the pool.
        count: number of recipes.
        make: gives those with some numbers, as `as_proposals` would; the same ones whichever are asked for together.
    """

    n: int
    count: int
    make: Callable[[Int64[np.ndarray, " k"]], Proposal]

    def __len__(self) -> int:
        return self.count

    def blocks(self) -> Iterator[tuple[slice, Proposal]]:
        """All recipes in order, as many at once as `ENTRIES` allows, with their numbers."""
        step = rows_at_once(self.n)
        for start in range(0, self.count, step):
            numbers = np.arange(start, min(start + step, self.count))
            yield slice(start, start + len(numbers)), self.make(numbers)

    def all(self) -> Proposal:
        """All recipes as one array, for small pools, and for few moves."""
        return self.make(np.arange(self.count))

    def those(self, chosen: Int64[np.ndarray, " k"]) -> Moves:
        """The recipes with some numbers, numbered from 0 on."""
        return Moves(self.n, len(chosen), lambda numbers: self.make(chosen[numbers]))

    def scored(self, score: Callable[[Proposal], Float64[np.ndarray, " k"]]) -> Float64[np.ndarray, " count"]:
        """A number for each recipe, from a function that takes several at once."""
        scores = np.empty(self.count)
        for numbers, rows in self.blocks():
            scores[numbers] = score(rows)
        return scores


def rows_at_once(n: int) -> int:
    """The number of rows over a pool of `n` that are held at once."""
    rows = max(1, ENTRIES // n)
    return rows - rows % _ALIGNED if rows > _ALIGNED else rows


def listed(recipes: Proposal) -> Moves:
    """The recipes of an array of proposals."""
    return Moves(recipes.shape[1], len(recipes), lambda numbers: recipes[numbers])


def singles(n: int) -> Moves:
    """The ingredients by themselves, in pool order."""
    return Moves(n, n, lambda numbers: numbers[:, None] == np.arange(n))


def flips(mask: Bool[np.ndarray, " n"]) -> Moves:
    """The masks that differ from this one in ingredient `i`, in pool order; one is empty if `mask` has one member."""
    return Moves(len(mask), len(mask), lambda numbers: mask ^ (numbers[:, None] == np.arange(len(mask))))


def flips_to_recipes(mask: Bool[np.ndarray, " n"]) -> Int64[np.ndarray, " k"]:
    """Numbers of the flips that lead to a recipe: all but the one that would leave nothing."""
    return np.flatnonzero(~mask if mask.sum() == 1 else np.ones_like(mask))


def swaps(mask: Bool[np.ndarray, " n"]) -> Moves:
    """The masks with one member exchanged for one non-member: by member, then by non-member, both in pool order."""
    members, others = np.flatnonzero(mask), np.flatnonzero(~mask)

    def make(numbers: Int64[np.ndarray, " k"]) -> Bool[np.ndarray, "k n"]:
        moved, rows = np.repeat(mask[None], len(numbers), axis=0), np.arange(len(numbers))
        moved[rows, members[numbers // len(others)]] = False
        moved[rows, others[numbers % len(others)]] = True
        return moved

    return Moves(len(mask), len(members) * len(others), make)


def additions(counts: Int64[np.ndarray, " n"]) -> Moves:
    """The recipes that arise when ingredient `i` is taken once more than `counts` says, in pool order."""

    def make(numbers: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, "k n"]:
        taken = counts + (numbers[:, None] == np.arange(len(counts)))
        return as_proposals(taken / (counts.sum() + 1), len(counts))

    return Moves(len(counts), len(counts), make)
