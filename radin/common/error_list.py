"""A list of errors: all faults of several things are reported together."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from radin.errors import RadinError


class Complaints:
    """Collects the errors of things that are checked one by one, so that the first does not hide the second.

        complaints = Complaints("checkpoints")
        for path in paths:
            with complaints.noting():
                check(path)
        complaints.settle()

    Arguments:
        what: a noun for the things, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._errors: list[RadinError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Notes the `RadinError` that the block ends with, and goes on after the block."""
        try:
            yield
        except RadinError as error:
            self._errors.append(error)

    def settle(self) -> None:
        """Raises the error that was noted; of several, one of the first one's class that lists all messages."""
        if not self._errors:
            return
        first = self._errors[0]
        if len(self._errors) == 1:
            raise first
        listed = "".join(f"\n- {error.message}" for error in self._errors)
        mend = {name: value for error in reversed(self._errors) for name, value in error.mend.items()}
        together = type(first)(f"these {len(self._errors)} {self._what} cannot be used:{listed}")
        raise (together.mended_by(**mend) if mend else together) from first
