"""Tables and warnings on the screen."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

import click
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table

from radin.cli.mending import with_flags

if TYPE_CHECKING:
    from radin.report.findings import Finding

#: Width where the output is no terminal. A table that needs more gets it, on a terminal too: nothing is cut off.
PLAIN_WIDTH = 100

#: Characters that a column of words has at least, if it needs as many.
NARROWEST = 30


class Output(Console):
    """A console that leaves it to the entry point what happens when the reader of the output has gone."""

    def on_broken_pipe(self) -> None:
        """Raises the error once more; rich would end the program with exit code 1."""
        raise


def output() -> Console:
    """The console for results, on standard output; text is printed as it is."""
    width = None if sys.stdout.isatty() else PLAIN_WIDTH
    return Output(width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)


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


def show_warnings(findings: Sequence[Finding], command: click.Command) -> None:
    """Prints each finding on a line of its own, with the flags of a command that would mend it."""
    for one in findings:
        said = with_flags(getattr(one, "message", one.text), getattr(one, "mend", {}), command)
        click.secho(f"Warning: {said}", fg="yellow")
