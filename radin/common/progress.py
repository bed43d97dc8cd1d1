"""Progress reporting for long operations. The library never prints; its caller decides what is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable

Advance = Callable[[int], None]


@runtime_checkable
class Progress(Protocol):
    """Receives the progress of a long operation, stage by stage."""

    def stage(self, name: str, total: int | None, unit: str) -> AbstractContextManager[Advance]:
        """Opens a stage of `total` units (None: unknown); the value of the context is called with units done."""


@runtime_checkable
class Lines(Protocol):
    """Progress that can also show lines of text, such as one for each worker."""

    def line(self, name: str, text: str) -> None:
        """Shows a text under a name, in the place of the one before; an empty text takes the line away."""


class Silent:
    """Progress that shows nothing; the default."""

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Opens a stage without showing it."""
        yield lambda done: None


SILENT = Silent()
