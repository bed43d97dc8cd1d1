"""Budget: the hard caps of a run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Integral

from radin.errors import InputError
from radin.scoring.objective import Unit


@dataclass(frozen=True, kw_only=True)
class Budget:
    """Hard caps: never one evaluation over, also in the middle of a batch. None means no cap.

    Arguments:
        candidates: recipes that may be scored from averaged logits. The default costs seconds even for large banks.
        soups: real soups that may be built and evaluated, each a forward pass over the data. The passes of the single
            ingredients are needed in any case and are reported beside this number, not inside it.
        seconds: wall-clock time that one search may take, added up over restarts.

    Raises:
        InputError: a cap below 1, or seconds that are not above zero.
    """

    candidates: int | None = 20_000
    soups: int | None = 4
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name in ("candidates", "soups"):
            cap = getattr(self, name)
            if cap is not None and (isinstance(cap, bool) or not isinstance(cap, Integral) or cap < 1):
                raise InputError(f"budget: {name} must be a whole number of at least 1, got {cap!r}")
            if cap is not None:
                object.__setattr__(self, name, int(cap))  # numpy's numbers are none that JSON can hold
        if self.seconds is not None and not (isinstance(self.seconds, int | float) and 0 < self.seconds < math.inf):
            raise InputError(f"budget: seconds must be above 0 and finite, got {self.seconds!r}")

    @classmethod
    def of(cls, given: object) -> Budget:
        """The budget that a user means: the given one, or the default where none is.

        Raises:
            InputError: something else.
        """
        if given is None:
            return cls()
        if not isinstance(given, cls):
            soups = given if isinstance(given, int) and given > 0 else cls.soups
            raise InputError(f"expected budget as a radin.Budget, such as radin.Budget(soups={soups}), got {given!r}")
        return given

    def cap(self, unit: Unit) -> int | None:
        """The largest number of evaluations of this unit; None for no cap."""
        return self.candidates if unit == "candidate" else self.soups
