"""Progress bars on a terminal; rich, which draws them, is imported when the first one is made."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from radin.common.progress import SILENT, Advance, Progress

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress
    from rich.progress import ProgressColumn

#: Terminals that are narrower get bars with less around them.
WIDE = 100


class Bars:
    """Progress bars on standard error, with counts and the time left; a `radin.Progress`.

        with radin.Bars() as bars:
            result = radin.make_soup(pool, task, progress=bars)

    Shows nothing where standard error is closed or is no terminal and no notebook that has `ipywidgets`, or where no
    thread can be started that draws.
    """

    def __init__(self) -> None:
        self._depth = 0
        self._lines: dict[str, str] = {}
        self._progress = _drawn(self._lines) if (_is_terminal() or is_notebook()) and _threads_start() else None

    def __enter__(self) -> Bars:
        if self._progress is not None:
            self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        if self._progress is not None:
            self._progress.stop()

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Adds a bar. A bar within another is removed when it is done; a stage of zero units has none.

        Arguments:
            name: stands before the bar.
            total: units of work, or None where that is unknown.
            unit: of what, in the singular.
        """
        progress = self._progress
        if progress is None or total == 0:
            yield lambda done: None
            return
        bar = progress.add_task(name, total=total, unit=unit if total == 1 else f"{unit}s")
        self._depth += 1
        whole = False
        try:
            yield lambda done: progress.advance(bar, done)
            whole = True
        finally:
            self._depth -= 1
            if self._depth:
                progress.remove_task(bar)
            elif whole:  # a search may end before its cap; then no time is left all the same
                (done,) = (task.completed for task in progress.tasks if task.id == bar)
                progress.update(bar, total=done)

    def line(self, name: str, text: str) -> None:
        """Shows a line of text below the bars.

        Arguments:
            name: of the line; a text replaces the one before of the same name.
            text: an empty one takes the line away.
        """
        if text:
            self._lines[name] = text
        else:
            self._lines.pop(name, None)


@contextmanager
def watched(progress: Progress | bool) -> Iterator[Progress]:
    """The progress that a caller asked for.

    Arguments:
        progress: one of the caller's own, which the caller opens and closes; True for `Bars`, False for none.
    """
    if progress is True:
        with Bars() as bars:
            yield bars
    else:
        yield SILENT if progress is False else progress


def is_notebook() -> bool:
    """Whether this is a notebook's kernel that can draw: a shell that says so, and widgets, which rich draws with."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    return type(shell).__name__ == "ZMQInteractiveShell" and find_spec("ipywidgets") is not None


def _is_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except ValueError:  # closed
        return False


def _threads_start() -> bool:
    try:
        trial = threading.Thread(target=bool)
        trial.start()
        trial.join()
    except RuntimeError:
        return False
    return True


def _drawn(lines: Mapping[str, str]) -> RichProgress:
    """Bars, and below them the lines as they are at each moment."""
    from rich.console import Console, RenderableType
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.progress import Progress as RichProgress
    from rich.text import Text

    class WithLines(RichProgress):
        def get_renderables(self) -> Iterator[RenderableType]:
            yield from super().get_renderables()
            for text in list(lines.values()):
                yield Text(text, no_wrap=True, overflow="ellipsis")

    console = Console(stderr=True)
    columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
    if console.width < WIDE:
        columns = [TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn()]
    else:
        columns += [MofNCompleteColumn(), TextColumn("{task.fields[unit]}"), TimeElapsedColumn()]
    return WithLines(*columns, TimeRemainingColumn(), console=console)
