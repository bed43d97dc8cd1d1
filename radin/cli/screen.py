"""Tables and warnings on the screen."""

from __future__ import annotations

import os
import sys
import textwrap
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import click
from rich.cells import cell_len
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from radin.cli.mending import with_flags
from radin.common.wording import DASH, said_once, with_short_names

if TYPE_CHECKING:
    from radin.report.findings import Finding

#: Width where the output is no terminal. A table that needs more gets it, on a terminal too: nothing is cut off.
PLAIN_WIDTH = 100

#: Characters that a column of words has at least, if it needs as many: the first of these with which the table fits.
NARROWEST = (24, 18, 12)


#: Columns that recipes have at least beside a table, and lines that each may take there; else they stand below it.
NARROW_RECIPE, LINES = 20, 3


class Output(Console):
    """A console that leaves it to the entry point what happens when the reader of the output has gone."""

    def on_broken_pipe(self) -> None:
        """Raises the error once more; rich would end the program with exit code 1."""
        raise


def output() -> Console:
    """The console for results, on standard output; text is printed as it is.

    It is as wide as the terminal, or as `COLUMNS` says; and `PLAIN_WIDTH` where there is neither.
    """
    width = None if sys.stdout.isatty() else asked_width() or PLAIN_WIDTH
    return Output(width=width, highlight=False, markup=False, emoji=False, soft_wrap=True)


def asked_width() -> int | None:
    """The width that the environment variable `COLUMNS` asks for; None where it asks for none."""
    given = os.environ.get("COLUMNS", "")
    return int(given) if given.isdecimal() and int(given) > 0 else None


#: Characters of a name that need no shortening.
SHORT_NAME = 24

#: Short forms of no names.
NO_NAMES: Mapping[str, str] = MappingProxyType({})


def say(text: str, short: Mapping[str, str] = NO_NAMES, **style: Any) -> None:
    """Prints a paragraph, folded at words in a terminal; a file or pipe gets it in one line, for other programs.

    Arguments:
        text: the paragraph.
        short: short forms of names that may stand in it.
        style: as for `click.secho`.
    """
    text = with_short_names(text, short)
    if sys.stdout.isatty() or asked_width():
        text = folded(text, output().width, indent="")
    click.secho(text, **style) if style else click.echo(text)


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
        recipes: one for each row, if they are to be shown: in a last column where all fit on a few lines, else on lines
            below the table, by the cells of the first column.
    """
    console, below = output(), []
    title = folded(title, console.width, indent="")
    columns, rows, numbers = _telling(columns, rows, numbers)
    whole = [[*row, recipe] for row, recipe in zip(rows, recipes, strict=True)] if recipes else rows
    beside = recipes and _fits_beside(console, _table(title, columns, rows, numbers), recipes)
    shown = ([*columns, "recipe"], whole) if beside else (columns, rows)
    made = _table(title, *shown, numbers)
    if _measured(console, made).maximum > console.width:
        tight = [_table(title, *shown, numbers, narrowest, tight=True) for narrowest in NARROWEST]
        tight.append(_table(title, *shown, numbers, NARROWEST[-1], tight=True, padding=0))
        made = next((one for one in tight if _measured(console, one).minimum <= console.width), tight[0])
    if recipes and not beside:
        below = [folded(f"{row[0]}: {recipe}", console.width) for row, recipe in zip(rows, recipes, strict=True)]
    least = _measured(console, made).minimum
    console.width = max(console.width, least)
    console.print(made)
    for lines in below:
        click.echo(lines)


def _measured(console: Console, made: Table) -> Measurement:
    """The least and the most columns that a table takes."""
    return console.measure(made, options=console.options.update(width=10_000))


def _fits_beside(console: Console, made: Table, recipes: Sequence[str]) -> bool:
    """Whether a column of recipes fits beside a table, each on a few lines."""
    left = console.width - _measured(console, made).minimum - len("│  ")
    return all(len(folded(recipe, max(left, 1), indent="").splitlines()) <= LINES for recipe in recipes) and (
        left >= min(NARROW_RECIPE, max(map(cell_len, recipes)))
    )


def _table(
    title: str,
    columns: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Sequence[int],
    narrowest: int = NARROWEST[0],
    tight: bool = False,
    padding: int = 1,
) -> Table:
    """A table with `narrowest` characters for words; a tight one folds headings of numbers at each word.

    `padding` is the number of spaces on either side of a cell.
    """
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold", padding=(0, padding))
    for i, column in enumerate(columns):
        right = i in numbers
        words = [*column.split(), ""]
        longest = max(cell_len(cell) for cell in [*(words if right else [column]), *(row[i] for row in rows)])
        # A column of words may be folded, but not until nothing can be read; of numbers the heading alone.
        least = longest if right else min(NARROW_RECIPE if column == "recipe" else narrowest, longest)
        made.add_column(column, justify="right" if right else "left", overflow="fold", min_width=least)
        made.columns[-1].width = least if tight and right else None
    for row in rows:
        made.add_row(*row)
    return made


def _telling(
    columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int]
) -> tuple[list[str], list[list[str]], list[int]]:
    """The columns of a table without those that carry nothing: whose cells are all empty, or dashes."""
    kept = [i for i in range(len(columns)) if not rows or any(row[i] not in ("", DASH) for row in rows)]
    right = [place for place, i in enumerate(kept) if i in numbers]
    return [columns[i] for i in kept], [[row[i] for i in kept] for row in rows], right


def folded(text: str, width: int, indent: str = "   ") -> str:
    """A text in lines of at most this width, those after the first set in."""
    return textwrap.fill(text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def show_warnings(findings: Sequence[Finding], command: click.Command, short: Mapping[str, str] = NO_NAMES) -> None:
    """Prints findings, with the flags of a command that would mend them; the same of several ingredients once."""
    told = [(one.ingredient, with_flags(one.message, one.mend, command)) for one in findings]
    for said in said_once(told):
        say(f"Warning: {said}", short, fg="yellow")
