"""Metrics that are functions of one's own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from jaxtyping import Float64

from radin.errors import InputError
from radin.scoring.metrics.base import Labels, Logits, Metric


class FunctionMetric(Metric):
    """A metric computed by a function.

    Arguments:
        function: `(logits[m, c], labels[m]) -> m numbers or one number`, over numpy arrays.
        name: the name in tables; the function's own by default.
        higher_is_better: whether a larger number is better.
    """

    defined_on_parts = False

    def __init__(self, function: Callable[..., Any], name: str | None = None, *, higher_is_better: bool = True) -> None:
        self.function = function
        self.higher_is_better = higher_is_better
        self._name = name or str(getattr(function, "__name__", type(function).__name__))

    @property
    def name(self) -> str:
        """The name in tables."""
        return self._name

    def measure(self, logits: Logits, labels: Labels) -> np.ndarray:
        """The logits themselves."""
        return np.asarray(logits)

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The function's number, or the mean of its numbers."""
        return float(self._call(statistics, labels).mean())

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """The function's numbers; None where it gives one number for all samples."""
        result = self._call(statistics, labels)
        return None if result.ndim == 0 else result

    def resampled(self, statistics: Any, labels: Labels, resamples: int, seed: int) -> Float64[np.ndarray, " r"]:
        """Means of resampled numbers where the function gives one per sample; else its values on resamples."""
        try:
            numbers = self.numbers(statistics, labels)
        except InputError:  # undefined on these samples, and perhaps not on resamples of them
            numbers = None
        if numbers is None:
            return super().resampled(statistics, labels, resamples, seed)
        rng, m = np.random.default_rng(seed), len(labels)
        return np.array([numbers[rng.integers(m, size=m)].mean() for _ in range(resamples)], dtype=np.float64)

    def _call(self, logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        result = np.asarray(self.function(logits, labels), dtype=np.float64)
        if result.shape not in ((), labels.shape):
            raise InputError(
                f"metric {self.name!r} returned an array of shape {list(result.shape)}; "
                f"expected one number, or one per sample ({len(labels)})"
            )
        if not np.isfinite(result).all():
            raise InputError(f"metric {self.name!r} returned a value that is not finite; expected finite numbers")
        return result
