"""Tables and progress bars."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import click
from rich.cells import cell_len
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from radin.common.progress import Advance

#: Width where the output is no terminal. A table that needs more gets it, on a terminal too: nothing is cut off.
PLAIN_WIDTH = 100

#: Characters that a column of words has at least, if it needs as many.
NARROWEST = 30

#: Terminals that are narrower get progress bars with less around them.
WIDE = 100


def output() -> Console:
    """The console for results, on standard output; text is printed as it is."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Console(width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)


def print_table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int] = (),
    recipes: Sequence[str] = (),
) -> None:
    """Prints a table.

    Arguments:
        title: stands above it.
        columns: their names.
        rows: the cells.
        numbers: which columns are aligned to the right and never folded.
        recipes: one for each row, if they are to be shown: in a last column where all fit, else on lines of their own
            below the table, by the cells of the first column.
    """
    console, below = output(), []
    whole = [[*row, recipe] for row, recipe in zip(rows, recipes, strict=True)] if recipes else rows
    made = _table(title, [*columns, "recipe"] if recipes else columns, whole, numbers)
    fits = console.measure(made, options=console.options.update(width=10_000)).maximum <= console.width
    if recipes and not fits:
        made = _table(title, columns, rows, numbers)
    least = console.measure(made, options=console.options.update(width=10_000)).minimum
    if recipes and not fits:
        below = [folded(f"{row[0]}: {recipe}", console.width) for row, recipe in zip(rows, recipes, strict=True)]
    console.width = max(console.width, least)
    console.print(made)
    for lines in below:
        click.echo(lines)


def _table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]) -> Table:
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        right = i in numbers
        longest = max(cell_len(cell) for cell in [column, *(row[i] for row in rows)])
        # A column of words may be folded, but not until nothing can be read.
        least = longest if right else min(NARROWEST, longest)
        made.add_column(column, justify="right" if right else "left", no_wrap=right, overflow="fold", min_width=least)
    for row in rows:
        made.add_row(*row)
    return made


def folded(text: str, width: int) -> str:
    """A text in lines of at most this width, those after the first set in."""
    return textwrap.fill(text, width, subsequent_indent="   ", break_long_words=False, break_on_hyphens=False)


class Bars:
    """Progress bars on standard error, with counts and the time left."""

    def __init__(self) -> None:
        self._depth = 0
        console = Console(stderr=True)
        columns: list[ProgressColumn] = [TextColumn("{task.description}"), BarColumn()]
        if console.width < WIDE:
            columns = [TextColumn("{task.description}"), BarColumn(bar_width=20), TaskProgressColumn()]
        else:
            columns += [MofNCompleteColumn(), TextColumn("{task.fields[unit]}"), TimeElapsedColumn()]
        self._progress = Progress(*columns, TimeRemainingColumn(), console=console)

    def __enter__(self) -> Bars:
        self._progress.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._progress.stop()

    @contextmanager
    def stage(self, name: str, total: int | None, unit: str) -> Iterator[Advance]:
        """Adds a bar. One within another goes when it is done; a stage of nothing has none."""
        if total == 0:
            yield lambda done: None
            return
        bar = self._progress.add_task(name, total=total, unit=unit if total == 1 else f"{unit}s")
        self._depth += 1
        try:
            yield lambda done: self._progress.advance(bar, done)
        finally:
            self._depth -= 1
            if self._depth:
                self._progress.remove_task(bar)
            else:  # a search may end before its cap; then no time is left all the same
                (done,) = (task.completed for task in self._progress.tasks if task.id == bar)
                self._progress.update(bar, total=done)
