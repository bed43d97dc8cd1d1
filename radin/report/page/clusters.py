"""The order of ingredients in which near ones stand together: average linkage over their distances."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float64


def clustered(distances: Float64[np.ndarray, "n n"]) -> list[int]:
    """Indices ordered so that what is near stands together.

    Clusters are joined two by two, the nearest first, by the mean of their members' distances (UPGMA: Sokal and
    Michener 1958). Where two are joined, each is turned so that the near ends meet.

    Arguments:
        distances: symmetric, ≥ 0. Those that are not finite count as the largest of all.
    """
    n = len(distances)
    finite = distances[np.isfinite(distances)]
    apart = np.where(np.isfinite(distances), distances, finite.max() if finite.size else 1.0)
    orders, between = [[i] for i in range(n)], apart.copy()
    np.fill_diagonal(between, np.inf)
    while len(orders) > 1:
        i, j = sorted(divmod(int(between.argmin()), len(orders)))
        sizes = len(orders[i]), len(orders[j])
        merged = (sizes[0] * between[i] + sizes[1] * between[j]) / sum(sizes)
        orders[i] = _joined(orders[i], orders[j], apart)
        between[i], between[:, i] = merged, merged
        between[i, i] = np.inf
        between = np.delete(np.delete(between, j, 0), j, 1)
        del orders[j]
    return orders[0] if orders else []


def _joined(one: list[int], other: list[int], apart: Float64[np.ndarray, "n n"]) -> list[int]:
    """Two orders as one, each turned so that the ends that meet are the nearest."""
    ways = [(a, b) for a in (one, one[::-1]) for b in (other, other[::-1])]
    first, second = min(ways, key=lambda way: apart[way[0][-1], way[1][0]])
    return first + second
