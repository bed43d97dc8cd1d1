"""Runs that write their picture and page only in tests that are about what a run shows.

Both take as long as the rest of a small run, and hundreds of tests make one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

#: Folders whose tests are about other things than what a run shows.
UNDRAWN = ("adapters", "benchmarks", "evaluation", "tasks", "weights")

_drawn = True


def install() -> None:
    """Asks `choose` from now on whether a run draws."""
    from radin.report import run_picture
    from radin.report.page import document

    run_picture.draw_run = partial(_if_drawn, run_picture.draw_run)
    document.write_page = partial(_if_drawn, document.write_page)


def _if_drawn(function: Any, *arguments: Any, **named: Any) -> Any:
    return function(*arguments, **named) if _drawn else None


def choose(folder: str) -> None:
    """Chooses for the tests of a folder of `tests/`."""
    global _drawn
    _drawn = folder not in UNDRAWN


@contextmanager
def always() -> Iterator[None]:
    """Draws whatever test asks first: for runs that tests of several folders share."""
    global _drawn
    before, _drawn = _drawn, True
    yield
    _drawn = before
