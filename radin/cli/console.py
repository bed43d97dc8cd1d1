"""What the commands share: tables, progress bars, and options that several of them have."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from radin.errors import InputError
from radin.progress import Advance

#: Tables keep their width when the output is no terminal, so that names are not cut in a log.
PLAIN_WIDTH = 160

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document instead of tables.")


def output() -> Console:
    """The console for results, on standard output."""
    return Console(width=None if sys.stdout.isatty() else PLAIN_WIDTH, highlight=False, soft_wrap=True)


def print_json(value: Any) -> None:
    """Prints a document for other programs to read."""
    click.echo(json.dumps(value, indent=1, ensure_ascii=False))


def table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], numbers: Sequence[int] = ()) -> Table:
    """A table; the columns named in `numbers` are aligned to the right."""
    made = Table(title=title, title_justify="left", title_style="bold", header_style="bold")
    for i, column in enumerate(columns):
        made.add_column(column, justify="right" if i in numbers else "left", no_wrap=i in numbers)
    for row in rows:
        made.add_row(*row)
    return made


class Bars:
    """Progress bars on standard error, with counts and the time left."""

    def __init__(self) -> None:
        self._depth = 0
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[unit]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
        )

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
        bar = self._progress.add_task(name, total=total, unit=f"{unit}s")
        self._depth += 1
        try:
            yield lambda done: self._progress.advance(bar, done)
        finally:
            self._depth -= 1
            if self._depth:
                self._progress.remove_task(bar)
            else:  # a search may end before its cap; then no time is left all the same
                self._progress.update(bar, total=self._progress.tasks[-1].completed)


def pairs(given: Sequence[str], option: str) -> dict[str, str]:
    """`("KEY=VALUE", ...)` as a dict.

    Raises:
        InputError: a text without `=`, or a key given twice.
    """
    values: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise InputError(f"expected {option} KEY=VALUE, got {text!r}")
        if key in values:
            raise InputError(f"{option} {key} was given twice: {values[key]!r} and {value!r}")
        values[key] = value
    return values


def pool_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that reads checkpoints."""
    for option in (
        click.option("--prefix", metavar="NAME.", help="The network is what stands under this prefix in the files."),
        click.option(
            "--weights",
            type=click.Choice(["model", "ema"]),
            help="Of files that hold both: the network's own weights, or their moving average.",
        ),
    ):
        command = option(command)
    return command


def searcher_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options of every command that searches."""
    for option in reversed(
        (
            click.option("--searcher", default="greedy", show_default=True, help="See `radin searchers`."),
            click.option("-p", "parameters", multiple=True, metavar="KEY=VALUE", help="An option of the searcher."),
            click.option("--candidates", default=20_000, show_default=True, help="K: recipes scored from logits."),
            click.option("--lam", default=1.0, show_default=True, help="λ: strength of the prior for larger soups."),
            click.option("--seed", default=0, show_default=True, help="Seed of the searcher's randomness."),
        )
    ):
        command = option(command)
    return command


def size(nbytes: int | float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "kB", "MB", "GB"):
        if nbytes < 1000:
            return f"{nbytes:.0f} {unit}" if unit == "B" else f"{nbytes:.1f} {unit}"
        nbytes /= 1000
    return f"{nbytes:.1f} TB"


def parse_size(text: str) -> int:
    """`5GB` or `500 MiB` as bytes; GB are powers of 1000, GiB of 1024.

    Raises:
        InputError: no number with such a unit.
    """
    found = re.fullmatch(r"(\d+(?:\.\d+)?) *([kKMGT]?)(i?)[bB]?", text.strip())
    if not found:
        raise InputError(f"expected a size such as 5GB or 500MB, got {text!r}")
    number, unit, binary = found.groups()
    return int(float(number) * (1024 if binary else 1000) ** " KMGT".index(unit.upper() or " "))


def duration(seconds: float) -> str:
    """Seconds as a person reads them."""
    if seconds < 120:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
