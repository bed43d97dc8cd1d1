"""Errors that are collected, so that all of them are said at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from radin.errors import RadinError


class Complaints:
    """Errors of things that are looked at one by one: what is wrong with the first should not hide the second.

        complaints = Complaints("checkpoints")
        for path in paths:
            with complaints.noting():
                check(path)
        complaints.settle()

    Arguments:
        what: the things are, in the plural.
    """

    def __init__(self, what: str) -> None:
        self._what = what
        self._errors: list[RadinError] = []

    def __bool__(self) -> bool:
        return bool(self._errors)

    @contextmanager
    def noting(self) -> Iterator[None]:
        """Takes note of an error of radin's that the block ends with, and goes on."""
        try:
            yield
        except RadinError as error:
            self._errors.append(error)

    def settle(self) -> None:
        """Raises the only error as it is; of several, one of the first one's class that says them all."""
        if not self._errors:
            return
        first = self._errors[0]
        if len(self._errors) == 1:
            raise first
        listed = "".join(f"\n- {error}" for error in self._errors)
        raise type(first)(f"these {len(self._errors)} {self._what} cannot be used:{listed}") from first
