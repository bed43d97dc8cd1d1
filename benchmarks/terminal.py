"""The terminal of the benchmarks: tables."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

#: Columns of a table where the output is not a terminal: enough for the widest one.
PLAIN_WIDTH = 200


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> None:
    """Prints a table.

    Arguments:
        title: a line above the table.
        columns: names of the columns.
        rows: the cells, line by line.
        numbers: indices of the columns that are aligned to the right.
    """
    table = Table(title=title, title_justify="left", title_style="bold")
    for i, column in enumerate(columns):
        table.add_column(column, justify="right" if i in numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*row)
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else PLAIN_WIDTH
    Console(width=width, highlight=False, markup=False).print(table)
