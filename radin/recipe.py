"""Recipes: mixing weights over a pool, and the arrays of proposals that searchers and objectives exchange."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import ArrayLike

from radin.common.html import table
from radin.common.suggestions import nearest
from radin.errors import InputError

#: Largest difference of a row's sum from 1. Rows within it are divided by their sum, others are refused. The rounding
#: error of a float32 softmax over a few thousand ingredients stays below it.
SUM_TOLERANCE = 1e-5

#: Ways to write a recipe, for `Recipe.of`: a mask `bool[n]`, weights `float[n]`, weights by name, or members' names.
RecipeLike = ArrayLike | Sequence[str] | Mapping[str, Any]


@dataclass(frozen=True, init=False)
class Recipe:
    """Mixing weights over a pool: non-negative, summing to 1, in pool order.

    A *subset* is the uniform recipe over its members, written `Recipe.subset(names, mask)`. A recipe holds its members
    and their weights only, so the recipes of all N ingredients of a pool take no N × N numbers.

    Arguments:
        names: the ingredients' names, in pool order, `n` of them.
        weights: `n` floats, ≥ 0, with sum 1.

    Attributes:
        names: the ingredients' names, in pool order.
        members: indices of the ingredients with a weight above zero, in pool order.
        member_weights: the weights of the members.

    Raises:
        InputError: the weights are not a recipe, or do not match the names in number.
    """

    names: tuple[str, ...]
    members: tuple[int, ...]
    member_weights: tuple[float, ...]

    def __init__(self, names: tuple[str, ...], weights: Sequence[float]) -> None:
        if len(names) != len(weights):
            raise InputError(f"a recipe needs one weight per ingredient: {len(names)} names, {len(weights)} weights")
        (row,) = as_proposals(np.asarray([weights], dtype=np.float64), len(names))
        self._hold(names, np.flatnonzero(row), row[row > 0])

    def _hold(self, names: tuple[str, ...], members: np.ndarray, weights: np.ndarray) -> None:
        object.__setattr__(self, "names", names)
        object.__setattr__(self, "members", tuple(members.tolist()))
        object.__setattr__(self, "member_weights", tuple(weights.tolist()))

    @classmethod
    def of(cls, names: Sequence[str], weights: RecipeLike) -> Recipe:
        """Makes a recipe over a pool from any way to write one.

        Arguments:
            names: the ingredients' names, in pool order, `n` of them.
            weights: a mask `bool[n]`; weights `float[n]`; weights by name, as `to_json` and `leaderboard.json` give
                them, 0 for those that are left out; or the names of a subset's members.

        Raises:
            InputError: no recipe, or a name that no ingredient has.
        """
        (row,) = as_proposals(_row(names, weights)[None], len(names))
        made, members = cls.__new__(cls), np.flatnonzero(row)
        uniform = row.dtype == np.bool_
        made._hold(tuple(names), members, np.full(len(members), 1 / len(members)) if uniform else row[members])
        return made

    @classmethod
    def subset(cls, names: Sequence[str], members: ArrayLike) -> Recipe:
        """The uniform recipe over `members`: a mask `bool[n]`, or the members' indices.

        Raises:
            InputError: no members, a mask of another length, or an index that no ingredient has.
        """
        chosen = np.asarray(members)
        mask = np.zeros(len(names), dtype=bool)
        try:
            mask[chosen if chosen.size else []] = True
        except IndexError as error:
            raise InputError(f"expected a mask bool[{len(names)}] or indices below {len(names)}: {error}") from error
        return cls.of(names, mask)

    @classmethod
    def uniform(cls, names: Sequence[str]) -> Recipe:
        """Every ingredient in equal parts: the uniform soup."""
        return cls.of(names, np.ones(len(names), dtype=bool))

    def named(self, names: tuple[str, ...]) -> Recipe:
        """The same members and weights, to the bit, over a pool of other names; without any, to be sent.

        Where many recipes over one large pool are sent to other processes, which have its names, they need not be sent
        with each.
        """
        made = Recipe.__new__(Recipe)
        made._hold(names, np.asarray(self.members), np.asarray(self.member_weights))
        return made

    @property
    def weights(self) -> tuple[float, ...]:
        """The weights of all ingredients, in pool order; 0 for those that are no members."""
        return tuple(self._dense.tolist())

    @property
    def _dense(self) -> Float64[np.ndarray, " n"]:
        weights = np.zeros(len(self.names))
        weights[list(self.members)] = self.member_weights
        return weights

    @property
    def parts(self) -> tuple[tuple[int, float], ...]:
        """Index and weight of each member, in pool order."""
        return tuple(zip(self.members, self.member_weights, strict=True))

    @property
    def member_names(self) -> tuple[str, ...]:
        """Names of the ingredients with a weight above zero, in pool order."""
        return tuple(self.names[i] for i in self.members)

    @property
    def size(self) -> int:
        """Number of ingredients with a weight above zero."""
        return len(self.members)

    @property
    def heaviest(self) -> int:
        """Index of the ingredient with the largest weight; of equal ones the first in pool order."""
        return self.members[self.member_weights.index(max(self.member_weights))]

    @property
    def is_subset(self) -> bool:
        """Whether all members have the same weight."""
        return len(set(self.member_weights)) == 1

    @property
    def n_eff(self) -> float:
        """Effective number of ingredients, `1 / Σ wᵢ²`; for a subset, its size."""
        return float(self.size) if self.is_subset else float(effective_sizes(self._dense[None])[0])

    @property
    def row(self) -> Bool[np.ndarray, " n"] | Float64[np.ndarray, " n"]:
        """This recipe as one row of proposals: a mask for a subset, weights otherwise."""
        return self._dense > 0 if self.is_subset else self._dense

    def to_json(self) -> dict[str, float]:
        """`{name: weight}` of the members, in pool order."""
        return dict(zip(self.member_names, self.member_weights, strict=True))

    def __repr__(self) -> str:
        return f"Recipe({self}, of {len(self.names)})"

    def _repr_html_(self) -> str:
        ordered = sorted(self.to_json().items(), key=lambda item: -item[1])
        heading = f"Recipe of {self.size} of {len(self.names)} ingredients"
        return table(heading, ("ingredient", "weight"), ordered)

    def __str__(self) -> str:
        if self.is_subset:
            return " + ".join(self.member_names)
        return " + ".join(f"{weight:.3g} {name}" for name, weight in self.to_json().items())

    def dumps(self) -> str:
        """The recipe as JSON text, exact to the last bit (`float.__repr__` round-trips)."""
        return json.dumps(self.to_json())


def _row(names: Sequence[str], given: RecipeLike) -> np.ndarray:
    """One row of proposals, not checked yet. Names become positions in the pool."""
    if isinstance(given, Mapping):
        try:
            weights = np.array(list(given.values()), dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(f"expected a number for each name of a recipe, got {dict(given)!r}") from error
        row = np.zeros(len(names))
        row[_places(names, list(given))] = weights
        return row
    array = np.asarray(given)
    if array.dtype.kind != "U":
        return array
    return np.isin(np.arange(len(names)), _places(names, array.ravel().tolist()))


def _places(names: Sequence[str], chosen: Sequence[str]) -> list[int]:
    """Positions of the chosen names in the pool. A name that is chosen twice is refused."""
    places = {name: i for i, name in enumerate(names)}
    for name in chosen:
        if name not in places:
            raise InputError(f"no ingredient is called {name!r}; {nearest(str(name), places)}")
        if chosen.count(name) > 1:
            raise InputError(f"{name!r} is listed twice; give unequal weights as {{name: weight}}")
    return [places[name] for name in chosen]


def as_proposals(proposals: Any, n: int) -> Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"]:
    """Validates a batch of proposals and converts it to one of two dtypes.

    Arguments:
        proposals: `bool[k, n]` masks, or `float[k, n]` mixing weights, ≥ 0, each row summing to 1 to within
            `SUM_TOLERANCE`; such rows are divided by their sum in float64.
        n: size of the pool.

    Returns:
        the same recipes as `bool[k, n]` or `float64[k, n]`.

    Raises:
        InputError: wrong shape or dtype, an empty subset, negative or non-finite weights, a sum that is not 1.
    """
    array = np.asarray(proposals)
    if array.ndim != 2 or array.shape[1] != n:
        raise InputError(f"expected proposals of shape [k, {n}], got shape {list(array.shape)}")
    if array.dtype == np.bool_:
        empty = ~array.any(axis=1)
        if empty.any():
            raise InputError(f"row {int(empty.argmax())} is an empty subset; a recipe has at least one ingredient")
        return array
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"expected proposals of dtype bool (masks) or float (mixing weights), got {array.dtype}")
    weights = array.astype(np.float64)
    sums = weights.sum(axis=1)
    bad = ~(np.isfinite(weights).all(axis=1) & (weights >= 0).all(axis=1) & (np.abs(sums - 1) <= SUM_TOLERANCE))
    if bad.any():
        row = int(bad.argmax())
        raise InputError(
            f"row {row} is no recipe: weights must be finite, at least 0 and sum to 1; "
            f"smallest {weights[row].min():.6g}, sum {sums[row]:.6g}"
        )
    # A sum that is off by rounding alone is left: dividing by it would turn six times 1/6 into something else.
    rounding = n * np.finfo(np.float64).eps
    sums = np.where(np.abs(sums - 1) <= rounding, 1.0, sums)
    return weights / sums[:, None] + 0.0  # −0.0 becomes 0.0, so that equal rows have equal bytes


def numbered_subsets(start: int, stop: int, n: int) -> Bool[np.ndarray, "k n"]:
    """The subsets `start` to `stop − 1`: ingredient `i` is in subset `s` iff bit `i` of `s` is set.

    Arguments:
        start: number of the first one; 1 is the first ingredient alone, 0 would be empty.
        stop: one more than the last, at most `2ⁿ`.
        n: size of the pool, at most 62.
    """
    numbers = np.arange(start, stop, dtype=np.int64)
    return (numbers[:, None] >> np.arange(n) & 1).astype(bool)


def subset_rows(weights: Float64[np.ndarray, "k n"]) -> Bool[np.ndarray, " k"]:
    """Whether each row of mixing weights is a subset: all its non-zero weights are the same number."""
    largest = weights.max(axis=1, keepdims=True)
    return ((weights == 0) | (weights == largest)).all(axis=1)


def mixing_weights(
    proposals: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"],
) -> Float64[np.ndarray, "k n"]:
    """Proposals as mixing weights: a mask becomes `1 / size` on its members."""
    if proposals.dtype != np.bool_:
        return proposals
    return proposals / proposals.sum(axis=1, keepdims=True, dtype=np.float64)


def effective_sizes(
    proposals: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"],
) -> Float64[np.ndarray, " k"]:
    """Effective number of ingredients of each recipe, `n_eff = 1 / Σ wᵢ²`; for a subset its size, exactly."""
    if proposals.dtype == np.bool_:
        return member_counts(proposals).astype(np.float64)
    sizes = member_counts(proposals).astype(np.float64)
    return np.where(subset_rows(proposals), sizes, 1 / np.square(proposals).sum(axis=1))


def member_counts(
    proposals: Bool[np.ndarray, "k n"] | Float64[np.ndarray, "k n"],
) -> Int64[np.ndarray, " k"]:
    """Number of ingredients of each recipe with a weight above zero."""
    members = proposals if proposals.dtype == np.bool_ else proposals > 0
    return np.einsum("kn->k", members.view(np.uint8), dtype=np.int64, casting="unsafe")  # twice as fast as `sum`
