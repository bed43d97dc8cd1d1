"""Values that stand near enough to the best one to be drawn with it; the others stand at the end of an axis."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

#: How many times as far from the best as the median ingredient is. Chosen by hand.
TIMES = 4.0


def near_best(values: Iterable[float], own: Sequence[float], *, higher_is_better: bool) -> list[float]:
    """The values without those so much worse that all others would stand in one spot.

    Where half of the ingredients are as good as the best one, nothing is left out but what is not finite, as the
    perplexity of a model that has diverged may be.

    Arguments:
        values: of ingredients or soups.
        own: the ingredients' own values, at least one.
        higher_is_better: of the metric.
    """
    ordered = sorted(own, reverse=higher_is_better)
    best, middle = ordered[0], abs(ordered[0] - ordered[len(ordered) // 2])
    sign = 1 if higher_is_better else -1
    finite = [value for value in values if math.isfinite(value)]
    return [value for value in finite if middle == 0 or sign * (best - value) <= TIMES * middle]
