"""The distinct recipes of one search with their scores, in arrays, and their order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import numpy as np
from jaxtyping import Bool, Float64, Int64, UInt64

from radin.recipe import member_counts, mixing_weights, subset_rows
from radin.scoring.moves import rows_at_once
from radin.scoring.objective import Proposal
from radin.searching.distinct import DistinctMixtures, DistinctRows

#: Number of tied recipes in one call of the tie-breaker, at most.
_TIE_BREAK_ROWS = 8192


class Scoreboard:
    """The recipes of a search, numbered in the order in which they were first proposed.

    Arguments:
        n: size of the pool.
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self.scored = 0
        self._at_once = min(_TIE_BREAK_ROWS, rows_at_once(n))
        self._subsets = _Shelf(_Subsets(n))
        self._mixtures = _Shelf(DistinctMixtures(n))
        self._count = 0
        self._scores = np.empty(0)
        self._sizes = np.empty(0, dtype=np.int64)
        self._mixed = np.empty(0, dtype=bool)  # which shelf
        self._places = np.empty(0, dtype=np.int64)  # which place on it

    def __len__(self) -> int:
        return self._count

    @property
    def subsets(self) -> int:
        """Number of distinct subsets that were proposed."""
        return len(self._subsets.distinct)

    @property
    def mixtures(self) -> int:
        """Number of distinct recipes of unequal weights that were proposed."""
        return len(self._mixtures.distinct)

    @property
    def scores(self) -> Float64[np.ndarray, " r"]:
        """Scores of the scored recipes, by number."""
        return self._scores[: self.scored]

    @property
    def sizes(self) -> Int64[np.ndarray, " r"]:
        """Number of members of each scored recipe."""
        return self._sizes[: self.scored]

    def sizes_of(self, ids: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, " m"]:
        """Number of members of the recipes with these numbers, scored or not."""
        return self._sizes[ids]

    def admit(self, batch: Proposal) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        """Adds a validated batch. Returns each recipe's number, and whether this is its first appearance.

        A row of weights that is a subset is the same recipe as its mask.
        """
        places, new = np.empty(len(batch), dtype=np.int64), np.empty(len(batch), dtype=bool)
        shelves: list[tuple[_Shelf, Any]] = [(self._subsets, slice(None))]
        mixed = np.zeros(len(batch), dtype=bool)
        if batch.dtype != np.bool_:
            mixed = ~subset_rows(batch)
            shelves = [(self._subsets, np.flatnonzero(~mixed)), (self._mixtures, np.flatnonzero(mixed))]
        for shelf, rows in shelves:
            places[rows], new[rows] = shelf.distinct.admit(batch[rows])
        count, fresh = len(self), np.flatnonzero(new)
        numbers = count - 1 + np.cumsum(new)
        for shelf, rows in shelves:
            first = numbers[rows][new[rows]]
            shelf.numbers = _appended(shelf.numbers, len(shelf.distinct) - len(first), first)
            numbers[rows] = shelf.numbers[places[rows]]
        if len(fresh):
            self._sizes = _appended(self._sizes, count, member_counts(batch)[fresh])
            self._mixed = _appended(self._mixed, count, mixed[fresh])
            self._places = _appended(self._places, count, places[fresh])
            self._count += len(fresh)
        return numbers, new

    def record(self, scores: Float64[np.ndarray, " m"]) -> None:
        """Adds the scores of the next `m` unscored recipes, in the order of their numbers."""
        self._scores = _appended(self._scores, self.scored, scores)
        self.scored += len(scores)

    def rows(self, ids: Int64[np.ndarray, " m"]) -> Proposal:
        """The recipes with these numbers, as masks if all are subsets, else as mixing weights."""
        mixed, places = self._mixed[ids], self._places[ids]
        masks = self._subsets.distinct.rows(places[~mixed])
        if not mixed.any():
            return masks
        weights = np.empty((len(ids), self.n))
        weights[~mixed] = mixing_weights(masks)
        weights[mixed] = self._mixtures.distinct.rows(places[mixed])
        return weights

    def refine(self, top: int, bound: float, refined: Callable[[Any], Float64[np.ndarray, " k"]]) -> None:
        """Scores again, more exactly, all recipes that may be among the best `top` of at least two ingredients.

        Arguments:
            top: number of recipes wanted.
            bound: largest error of the recorded scores.
            refined: computes scores with a smaller error.
        """
        ids = np.flatnonzero(self.sizes >= 2)
        if len(ids) > top:
            scores = self._scores[ids]
            ids = ids[scores >= np.partition(scores, len(ids) - top)[len(ids) - top] - 2 * bound]
        for start in range(0, len(ids), self._at_once):
            chunk = ids[start : start + self._at_once]
            self._scores[chunk] = refined(self.rows(chunk))

    def best(self, top: int, tie_break: Callable[[Any], Float64[np.ndarray, " k"]] | None) -> Int64[np.ndarray, " t"]:
        """Numbers of the best `top` recipes of at least two ingredients, best first.

        Order: score, then lower `tie_break` (asked only about ties that reach into the top), then more ingredients,
        then pool order, in which a recipe with more of an earlier ingredient comes first.
        """
        ids = np.flatnonzero(self.sizes >= 2)
        if len(ids) > top:
            scores = self._scores[ids]
            ids = ids[scores >= np.partition(scores, len(ids) - top)[len(ids) - top]]
        ids = ids[np.argsort(-self._scores[ids], kind="stable")]
        losses = np.zeros(len(ids))
        if tie_break is not None:
            tied = np.flatnonzero(_tied(self._scores[ids]))
            for start in range(0, len(tied), self._at_once):
                chunk = tied[start : start + self._at_once]
                losses[chunk] = tie_break(self.rows(ids[chunk]))
            losses[np.isnan(losses)] = np.inf
        keys = np.stack([-self._scores[ids], losses, -self._sizes[ids]])
        order = np.lexsort(keys[::-1])
        ids, keys = ids[order], keys[:, order]
        if len(ids) > top:  # drop what is worse than the last place already, before pool order is looked at
            keep = np.arange(len(ids)) <= np.flatnonzero((keys == keys[:, [top - 1]]).all(axis=0))[-1]
            ids, keys = ids[keep], keys[:, keep]
        rank = _pool_order(self.rows(ids))
        return ids[np.lexsort((rank, *keys[::-1]))][:top]


@runtime_checkable
class _Distinct(Protocol):
    """Distinct recipes of one kind, numbered by first appearance."""

    def __len__(self) -> int: ...

    def admit(self, recipes: Any, /) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        """Adds recipes. Returns the number of each, and whether this is its first appearance."""

    def rows(self, ids: Int64[np.ndarray, " m"], /) -> Any:
        """The recipes with these numbers."""


class _Shelf:
    """Recipes of one kind: their rows, and their numbers on the whole board."""

    def __init__(self, distinct: _Distinct) -> None:
        self.distinct = distinct
        self.numbers = np.empty(0, dtype=np.int64)


class _Subsets:
    """Distinct subsets of a pool of `n`, one bit an ingredient."""

    def __init__(self, n: int) -> None:
        self._n, self._words = n, DistinctRows(-(-n // 64))

    def __len__(self) -> int:
        return len(self._words)

    def admit(self, recipes: Proposal, /) -> tuple[Int64[np.ndarray, " k"], Bool[np.ndarray, " k"]]:
        return self._words.admit(_mask_words(recipes))

    def rows(self, ids: Int64[np.ndarray, " m"], /) -> Bool[np.ndarray, "m n"]:
        return _words_mask(self._words.rows(ids), self._n)


def _appended(column: np.ndarray, count: int, values: np.ndarray) -> np.ndarray:
    """The column with `values` from index `count` on. The column is doubled in length where they do not fit."""
    end = count + len(values)
    if end > len(column):
        column = np.concatenate([column[:count], np.empty(max(end, 2 * count) - count, dtype=column.dtype)])
    column[count:end] = values
    return column


def _mask_words(subsets: Proposal) -> UInt64[np.ndarray, "k w"]:
    """Subsets as 64-bit words, one bit an ingredient."""
    k, n = subsets.shape
    padded = np.zeros((k, -(-n // 64) * 8), dtype=np.uint8)
    padded[:, : -(-n // 8)] = np.packbits(subsets if subsets.dtype == np.bool_ else subsets > 0, axis=1)
    return padded.view(np.uint64)


def _words_mask(words: UInt64[np.ndarray, "k w"], n: int) -> Bool[np.ndarray, "k n"]:
    return np.unpackbits(words.view(np.uint8), axis=1, count=n).view(np.bool_)


def _tied(ordered: Float64[np.ndarray, " k"]) -> Bool[np.ndarray, " k"]:
    """Whether each of these ordered values occurs more than once."""
    tied = np.zeros(len(ordered), dtype=bool)
    tied[1:] = ordered[1:] == ordered[:-1]
    tied[:-1] |= tied[1:]
    return tied


def _pool_order(rows: Proposal) -> Int64[np.ndarray, " k"]:
    """Each row's position when rows are sorted by descending weight of the first ingredient, then of the second, ..."""
    # Bytes compare as the rows do: bits of a mask from the left, or big-endian floats, which are not negative here.
    packed = np.packbits(rows, axis=1) if rows.dtype == np.bool_ else rows.astype(">f8")
    keys = [row.tobytes() for row in packed]
    place = np.empty(len(rows), dtype=np.int64)
    place[sorted(range(len(rows)), key=keys.__getitem__, reverse=True)] = np.arange(len(rows))
    return place
