"""Runs that write their picture and page only in tests that are about what a run shows.

Both take as long as the rest of a small run, and hundreds of tests make one.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

#: Folders whose tests are about other things than the page of a run.
PAGELESS = ("adapters", "benchmarks", "evaluation", "tasks", "weights")

_wanted = {"page": True, "picture": True}


def install() -> None:
    """Asks `choose` from now on what a run draws."""
    from radin.report import run_picture
    from radin.report.page import document

    run_picture.draw_run = partial(_if_wanted, "picture", run_picture.draw_run)
    document.write_page = partial(_if_wanted, "page", document.write_page)


def _if_wanted(what: str, function: Any, *arguments: Any, **named: Any) -> Any:
    return function(*arguments, **named) if _wanted[what] else None


def choose(folder: str, pictured: bool) -> None:
    """Chooses for a test by its folder of `tests/`, and by whether it is marked as one that has to be `pictured`."""
    _wanted.update(page=folder not in PAGELESS, picture=pictured)


@contextmanager
def always() -> Iterator[None]:
    """Draws whatever test asks first: for runs that tests of several folders share."""
    before = dict(_wanted)
    _wanted.update(page=True, picture=True)
    yield
    _wanted.update(before)
