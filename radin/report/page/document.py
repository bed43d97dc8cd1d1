"""The page of a run: its sections, filled into one template."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from radin.common.alike import said_together
from radin.common.files import written_aside
from radin.common.version import VERSION
from radin.common.wording import DASH, counted, decimal, directed, in_passes, shortened, signed
from radin.report.bill import Bill
from radin.report.drops import Drops, behind
from radin.report.loading_code import loading_code
from radin.report.page import charts, palette
from radin.report.page.distances import NAMED, Distances, heat_map, stored_distances
from radin.report.page.matrix import matrix
from radin.report.page.surrogate import surrogate_plots
from radin.report.record import Record
from radin.report.settings_words import settings_in_words

#: The page's file in the run folder.
PAGE = "report.html"

#: Characters of an ingredient's name that need no shortening.
SHORT_NAME = 24

#: Characters of a headline.
HEADLINE = 60

#: Characters of a command that stands open.
SHORT_COMMAND = 600

#: Rows of the table of dropped ingredients that stand open.
OPEN = 12

#: A difference with a p-value below this is more than noise, as in `radin.report.comparison`.
NOISE = 0.05


def write_page(record: Record, path: Path | None = None) -> Path:
    """Writes the page of a run.

    Arguments:
        record: of the run.
        path: the file; `report.html` in the run folder by default.

    Raises:
        StorageError: it cannot be written.
    """
    path = path or record.folder / PAGE
    with written_aside(path) as file:
        file.write(page(record, stored_distances(record)).encode())
    return path


def page(record: Record, distances: Distances | None = None) -> str:
    """The page of a run, as HTML that needs nothing else.

    Arguments:
        record: of the run.
        distances: between the ingredients that ran in full.
    """
    names = short_names(record)
    headline, details = parted(record.verdict)
    bill, has_soups = Bill.of(record), any(one.is_soup for one in record.leaderboard)
    return render(
        "report.html.j2",
        record=record,
        headline=headline,
        details=details,
        figures=key_figures(record, bill),
        unseen=[charts.unseen_plot(one, record, heading(one.name, one.samples)) for one in record.unseen],
        remarks=remarks(record),
        noise=[unseen_words(record, i) for i in range(len(record.unseen))],
        selection=charts.selection_plot(record, names) if has_soups else None,
        matrix=matrix(record, names) if has_soups else None,
        surrogate=surrogate_plots(record),
        classes=classes(record),
        bill=bill,
        bill_plot=charts.bill_plot(bill),
        map=heat_map(distances, names) if distances is not None and len(distances.names) > 1 else None,
        named=distances is not None and len(distances.names) <= NAMED,
        dropped=[dropped_row(one, names) for one in record.dropped],
        drops=Drops(record.dropped),
        open=len(record.dropped) <= OPEN,
        loading=loading(record),
        settings=settings_in_words(record),
        command=str(record.about.get("command") or ""),
        short=SHORT_COMMAND,
        made=datetime.datetime.fromtimestamp(record.file.stat().st_mtime) if record.file.exists() else None,
    )


def render(template: str, **values: Any) -> str:
    """A template of this package, filled; whatever comes from files is escaped."""
    return _environment().get_template(template).render(style=palette.style(), version=VERSION, dash=DASH, **values)


@cache
def _environment() -> Environment:
    loader = PackageLoader("radin.report.page")
    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.filters |= {"in_passes": in_passes, "typeset": typeset}
    return made


def short_names(record: Record) -> dict[str, str]:
    """Short forms of the ingredients' names."""
    names = [name for one in record.ingredients for name in one.recipe] + [one["name"] for one in record.dropped]
    return shortened(names, SHORT_NAME)


def parted(verdict: str) -> tuple[str, str]:
    """A verdict as a headline and the rest.

    The headline is the beginning of the first sentence that has one of at most `HEADLINE` characters; sentences before
    it, such as a warning, go before the rest.
    """
    for start in (0, *(found.end() for found in re.finditer(r"(?<=[^.])\. (?=[A-Z])", verdict))):
        before, said = verdict[:start], verdict[start:]
        for seam, kept in ((": ", ""), (" by ", "by "), (". ", "")):
            head, found, rest = said.partition(seam)
            if found and len(head) <= HEADLINE:
                rest = kept + rest
                return typeset(head), typeset(before + rest[:1].upper() + rest[1:])
    head, _, rest = verdict.partition(". ")
    return typeset(head.rstrip(".")), typeset(rest)


def typeset(text: str) -> str:
    """A text as print has it: with signs of minus, and with p-values that no line breaks in two."""
    return re.sub(r"(?<![\w.)=-])-(?=\d)", "−", text).replace("p = ", "p\u00a0=\u00a0")


def heading(name: str, samples: int) -> str:
    """Names data and the number of its samples."""
    return f"{name}, {counted(samples, 'sample')}"


def key_figures(record: Record, bill: Bill) -> list[tuple[str, str, str]]:
    """The figures that stand first: each with its name and a remark."""
    one = record.unseen[0]
    low, high = decimal(one.winner.low), decimal(one.winner.high)
    found = [(f"{record.metric}, {one.name}", decimal(one.winner.value), f"95 % interval {low} to {high}")]
    if one.p_value is not None:
        noise = "within noise" if one.p_value >= NOISE else "more than noise"
        than = "over the best ingredient" if record.higher_is_better else "from the best ingredient, lower is better"
        found.append((than, signed(one.difference), f"p = {one.p_value:.2g}, {noise}"))
    saved = f"the greedy soup takes {bill.greedy}"
    found.append(("passes over the data", in_passes(bill.total), saved))
    size = record.winner.size
    found.append(("ingredients in the recipe", str(size), f"of {record.n_ingredients} in the pool"))
    return found


def unseen_words(record: Record, i: int) -> str:
    """The result of a comparison on unseen data, in a sentence."""
    one = record.unseen[i]
    if one.p_value is None:
        return "The best ingredient is the winner, so there is nothing to compare."
    than = "the best ingredient" if one.control is None else "the best ingredient with recomputed statistics"
    said = "no more than noise" if one.p_value >= NOISE else "more than noise"
    apart = directed(one.difference, record.higher_is_better)
    return typeset(f"Difference from {than}: {apart}, {said} (p = {one.p_value:.2g}, {one.test}).")


def remarks(record: Record) -> list[str]:
    """What a reader should know of the data and of the ingredients; what is true of several of these is said once."""
    names = [str(name) for name in record.about.get("ingredients", {})]

    def subject(text: str) -> str | None:
        return next((name for name in names if text.startswith(f"{name} ")), None)

    said = said_together(record.remarks)
    return [text if subject(text) else text[:1].upper() + text[1:] for text in said]


def classes(record: Record) -> dict[str, Any] | None:
    """The plot of classes that changed, and what it is of; None where nothing is known or nothing changed."""
    changes = record.about.get("classes")
    if not changes or not changes["rows"]:
        return None
    shown = min(len(changes["rows"]), 2 * charts.CLASSES)
    return {"plot": charts.class_plot(changes), "shown": shown, **changes}


def dropped_row(one: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """An ingredient that a race dropped, as a row of a table."""
    difference, errors = behind(one)
    return {
        "name": names[one["name"]],
        "whole": str(one["name"]),
        "value": decimal(one["value"]),
        "rows": f"{one['rows']:,}",
        "behind": difference,
        "errors": errors,
        "chosen": f"{one['chosen']} of {one['selections']}",
    }


def loading(record: Record) -> str:
    """Lines of Python that load the winner, and that make it again from the ingredients."""
    recipe = "{" + ", ".join(f"{name!r}: {weight:.6g}" for name, weight in record.winner.by_weight) + "}"
    load = loading_code(record)
    if not record.winner.is_soup:
        return load
    again = f"import radin\n\nradin.average(pool, {recipe}, {record.soup.name!r})"
    return f"{load}\n\n# The same from the ingredients:\n{again}"
