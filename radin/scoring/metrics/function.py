"""Metrics that are functions of one's own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from jaxtyping import Float64

from radin.common.code_location import place_of_error
from radin.errors import InputError, RadinError
from radin.scoring.metrics.base import Labels, Logits, Metric, sums_and_sizes

F = TypeVar("F", bound=Callable[..., Any])


def lower_is_better(function: F) -> F:
    """Marks a function of one's own as a metric of which a smaller number is better.

        @radin.scoring.lower_is_better
        def error(logits, labels): ...

    Arguments:
        function: `(outputs, labels) -> numbers per row or one number`; it gets the attribute `higher_is_better`.

    Raises:
        InputError: a callable that takes no attribute.
    """
    try:
        function.higher_is_better = False  # type: ignore[attr-defined]
    except AttributeError as error:
        raise InputError(f"{function!r} takes no attribute; give a plain function that calls it") from error
    return function


class FunctionMetric(Metric):
    """A metric computed by a function.

    Arguments:
        function: `(outputs[m, c], labels[m]) -> m numbers or one number`, over numpy arrays; of one value a sample
            both are `[m]`.
        name: the name in tables; the function's own by default, and of a lambda the place of its code.
        higher_is_better: whether a larger number is better; by default the function's attribute of this name, or True.
    """

    defined_on_parts = False

    def __init__(
        self, function: Callable[..., Any], name: str | None = None, *, higher_is_better: bool | None = None
    ) -> None:
        self.function = function
        marked = bool(getattr(function, "higher_is_better", True))
        self.higher_is_better = marked if higher_is_better is None else higher_is_better
        self._name = name or name_of(function)

    @property
    def name(self) -> str:
        """The name in tables."""
        return self._name

    def measure(self, logits: Logits, labels: Labels) -> np.ndarray:
        """The outputs themselves."""
        return np.asarray(logits)

    def value_of(self, statistics: Any, labels: Labels) -> float:
        """The function's number, or the mean of its numbers."""
        return float(self._call(statistics, labels).mean())

    def numbers(self, statistics: Any, labels: Labels) -> Float64[np.ndarray, " m"] | None:
        """The function's numbers; None where it gives one number for all samples."""
        result = self._call(statistics, labels)
        return None if result.ndim == 0 else result

    def group_sums(self, statistics: Any, labels: Labels, groups: Any, n: int) -> Float64[np.ndarray, "n s"] | None:
        """Sums of the function's numbers; None where it gives one number for all samples."""
        try:
            numbers = self.numbers(statistics, labels)
        except InputError:  # undefined on these rows, and perhaps not on resamples of them
            return None
        if numbers is None:
            return None
        return sums_and_sizes(numbers, groups, n)

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

    def _call(self, outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
        if labels.ndim == 2 and labels.shape[1] == 1 and labels.dtype.kind == "f":
            outputs, labels = outputs[:, 0], labels[:, 0]
        try:
            given = self.function(outputs, labels)
        except RadinError:
            raise
        except (Exception, SystemExit) as error:  # a user's own code
            said = f"{type(error).__name__}: {error}{place_of_error(error)}"
            given_to = f"outputs {outputs.dtype}{list(outputs.shape)} and labels {labels.dtype}{list(labels.shape)}"
            raise InputError(f"metric {self.name!r} raised {said}; it was given {given_to}") from error
        try:
            result = np.asarray(given, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InputError(
                f"metric {self.name!r} returned {type(given).__name__}; expected one number, or one per sample"
            ) from error
        if result.shape not in ((), (len(labels),)):
            raise InputError(
                f"metric {self.name!r} returned an array of shape {list(result.shape)}; "
                f"expected one number, or one per sample ({len(labels)})"
            )
        if not np.isfinite(result).all():
            raise InputError(f"metric {self.name!r} returned a value that is not finite; expected finite numbers")
        return result


def name_of(function: Callable[..., Any]) -> str:
    """The name of a function in tables: its own name, and for one without a name the place of its code."""
    name = str(getattr(function, "__name__", type(function).__name__))
    code = getattr(function, "__code__", None)
    if name != "<lambda>" or code is None:
        return name
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"
