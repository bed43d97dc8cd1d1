"""Axes: from values to places across a picture, with ticks at round numbers."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from radin.common.wording import HUGE

#: Share of the width that is left free at either end, so that no mark is cut off.
MARGIN = 0.02


@dataclass(frozen=True)
class Axis:
    """A linear axis.

    Attributes:
        low, high: the values at its ends, `low < high`.
    """

    low: float
    high: float

    @classmethod
    def over(cls, values: Iterable[float], *, zero: bool = False) -> Axis:
        """The axis that holds all finite values, with a little room at its ends.

        Arguments:
            values: to be shown.
            zero: begins at zero, as bars have to.
        """
        known = [value for value in values if math.isfinite(value)] or [0.0, 1.0]
        low, high = min(known), max(known)
        if zero:
            low, high = min(0.0, low), max(0.0, high)
        room = (high - low or abs(high) or 1.0) * 0.04
        return cls(low if zero and low == 0 else low - room, high if zero and high == 0 else high + room)

    def at(self, value: float) -> str:
        """The place of a value, in per cent of the width; values beyond the ends stand at them."""
        share = min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)
        return f"{100 * (MARGIN + (1 - 2 * MARGIN) * share):.2f}%"

    def length(self, start: float, end: float) -> str:
        """The distance of two values, in per cent of the width."""
        places = [float(self.at(value)[:-1]) for value in (start, end)]
        return f"{abs(places[1] - places[0]):.2f}%"

    @property
    def ticks(self) -> list[tuple[float, str]]:
        """Three to six round values on the axis, each with its text."""
        span = self.high - self.low
        power = 10.0 ** math.floor(math.log10(span))
        step = next(unit for unit in (power / 10 * m for m in (1, 2, 2.5, 5, 10, 20, 25, 50)) if span / unit <= 5.5)
        first, last = math.ceil(self.low / step - 1e-9), math.floor(self.high / step + 1e-9)
        digits = next((n for n in range(9) if abs(round(step, n) - step) < step * 1e-6), 9)
        form = f".{digits}f" if max(abs(self.low), abs(self.high)) < HUGE else ".3g"
        return [(i * step, f"{i * step + 0.0:{form}}") for i in range(first, last + 1)]
