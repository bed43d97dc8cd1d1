"""Several runs side by side on one page: verdicts, the winners on unseen data, their recipes, their cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from markupsafe import Markup

from radin.common.files import written_aside
from radin.common.wording import counted, decimal, in_passes, shortened
from radin.errors import InputError
from radin.report.bill import Bill
from radin.report.entries import Unseen
from radin.report.page.axis import Axis
from radin.report.page.document import SHORT_NAME, parted, render
from radin.report.page.matrix import recipe_cells
from radin.report.page.plot import Plot, Row, bar, below, dot, row, whisker
from radin.report.record import Record


@dataclass(frozen=True)
class Line:
    """A run in the table of runs.

    Attributes:
        how: its searcher, its budget, and by what it chose.
    """

    name: str
    headline: str
    details: str
    how: str


def write_comparison(records: Sequence[Record], path: Path) -> Path:
    """Writes the page of several runs.

    Raises:
        InputError: fewer than two runs, or runs scored by different metrics.
        StorageError: the file cannot be written.
    """
    with written_aside(path) as file:
        file.write(comparison(records).encode())
    return path


def comparison(records: Sequence[Record]) -> str:
    """The page of several runs, as HTML that needs nothing else.

    Raises:
        InputError: fewer than two runs, or runs scored by different metrics.
    """
    if len(records) < 2:
        raise InputError(f"a page of runs side by side is of two or more, got {len(records)}")
    metrics = {one.metric: one.folder for one in records}
    if len(metrics) > 1:
        said = ", ".join(f"{folder} by {metric}" for metric, folder in metrics.items())
        raise InputError(f"these runs were scored by different metrics, so their values say nothing together: {said}")
    names = run_names(records)
    short = [*shortened(names, SHORT_NAME).values()]  # plots have less room than the verdicts, which name runs in full
    return render(
        "comparison.html.j2",
        metric=records[0].metric,
        lines=[_line(name, record) for name, record in zip(names, records, strict=True)],
        unseen=[_unseen(on, short, records) for on in _sets(records)],
        names=short,
        recipes=_recipes(records),
        bill=_bills(short, records),
    )


def run_names(records: Sequence[Record]) -> list[str]:
    """A name for each run: its folder, with as much of the path as tells it from the others."""
    paths = [record.folder.resolve().parts for record in records]
    longest = max(map(len, paths))
    for length in range(1, longest + 1):
        names = ["/".join(parts[-length:]) for parts in paths]
        if len({*names}) == len(names):
            return names
    return [f"{name} ({number})" for number, name in enumerate(names, 1)]  # one run, given twice


def _line(name: str, record: Record) -> Line:
    headline, details = parted(record.verdict)
    made = record.settings
    chosen = f"chosen by {record.criterion or record.metric}"
    return Line(name, headline, details, f"{made['searcher']}, B = {made['soups']}, {chosen}")


def _sets(records: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(one.name for record in records for one in record.unseen))


def _unseen(on: str, names: Sequence[str], records: Sequence[Record]) -> Plot:
    """The winners of all runs on one set of unseen data, those of the same number of samples or not."""
    found = [
        (name, one) for name, record in zip(names, records, strict=True) for one in record.unseen if one.name == on
    ]
    axis = Axis.over(value for _, one in found for value in (one.winner.low, one.winner.high))
    best = max if records[0].higher_is_better else min
    first = best(one.winner.value for _, one in found)

    def drawn(name: str, one: Unseen) -> Row:
        each = one.winner
        said = f"{name}: {decimal(each.value)}, 95 % interval {decimal(each.low)} to {decimal(each.high)}"
        marks = [whisker(axis, each.low, each.high, "whisker soup"), dot(axis, each.value, "soup", said)]
        return row(axis, name, marks, decimal(each.value), said, strong=each.value == first)

    samples = sorted({one.samples for _, one in found})
    heading = f"{on}, {' or '.join(counted(n, 'sample') for n in samples)}"
    return Plot([drawn(*each) for each in found], below(axis), (), heading, records[0].metric)


def _recipes(records: Sequence[Record]) -> list[tuple[str, list[Markup]]]:
    """The winners' recipes: a row for each ingredient that is in one of them."""
    used = list(dict.fromkeys(name for record in records for name, _ in record.winner.by_weight))
    shown = shortened(used, SHORT_NAME)
    return [(shown[name], recipe_cells(name, [record.winner for record in records])) for name in sorted(used)]


def _bills(names: Sequence[str], records: Sequence[Record]) -> Plot:
    bills = [Bill.of(record) for record in records]
    axis = Axis.over([bill.total for bill in bills], zero=True)
    rows = [
        row(axis, name, [bar(axis, bill.total, "soup", bill.text)], in_passes(bill.total), bill.text)
        for name, bill in zip(names, bills, strict=True)
    ]
    return Plot(rows, below(axis), unit="passes")
