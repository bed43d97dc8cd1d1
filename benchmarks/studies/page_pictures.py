"""`python -m benchmarks.studies.page_pictures`: draws pictures of the pages from the tables of `docs/results.md`.

So a picture shows what its table says, and needs no measurement. The points of two pictures stand in no table: they are
kept in `docs/rows`, see `benchmarks.studies.page_rows`.
"""

from __future__ import annotations

import argparse
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.speed.kernel_display import draw_lines
from benchmarks.studies import surrogate
from benchmarks.studies.bills import HEAD, draw_bills, read_spots
from benchmarks.studies.page_rows import kept
from radin.common.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

DOCS = Path(__file__).parents[2] / "docs"

Table = list[list[str]]

#: The methods that are drawn, each with its mark. Shapes differ, and colours that the colour-blind tell apart.
METHODS = {
    "**calibrated forward, λ = 0**": ("radin's default", "o", "#0072B2"),
    "greedy soup, cut off": ("greedy soup, cut off at B", "s", "#000000"),
    "random soups": ("random soups", "x", "#7A7A7A"),
    "best single": ("best ingredient", "^", "#D55E00"),
    "uniform": ("uniform soup", "D", "#009E73"),
}

#: The lowest difference that has room, in standard errors; those below stand at the edge with their numbers.
LEAST = -3.0

#: The budgets whose lines are drawn against λ.
BUDGETS = {"1": ("s", "#D55E00"), "4": ("o", "#0072B2")}


def main(arguments: Sequence[str] | None = None) -> int:
    """Draws the pictures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--page", type=Path, default=DOCS / "results.md", help="the page (docs/results.md)")
    parser.add_argument("--out", type=Path, default=DOCS / "pictures", help="folder of the pictures (docs/pictures)")
    given = parser.parse_args(arguments)
    page = tables(given.page.read_text(encoding="utf-8"))
    draw_bills(read_spots(found(page, HEAD)[1:]), given.out / "bills.png")
    draw_lines(kept("kernels"), given.out / "kernels.png")
    surrogate.draw(kept("surrogate"), given.out / "surrogate.png")
    drawn = {
        "four-soups.png": four_soups(found(page, ("method", "digits"), under="Four real soups")),
        "prior.png": prior(found(page, ("pool", "B", "λ = 0"))),
    }
    for name, figure in drawn.items():
        with written_aside(given.out / name) as file:
            figure.savefig(file, format="png", dpi=120)
    return 0


def tables(text: str) -> list[tuple[str, Table]]:
    """The tables of a page, each under the last heading before it, as rows of cells."""
    made: list[tuple[str, Table]] = []
    heading, inside = "", False
    for line in text.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        is_row = line.startswith("|")
        if is_row and not inside:
            made.append((heading, []))
        inside = is_row
        if is_row and not set(line) <= set("|-: "):
            made[-1][1].append(_cells(line))
    return made


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip()[1:-1].split("|")]


def found(page: Sequence[tuple[str, Table]], head: Sequence[str], under: str = "") -> Table:
    """The first table whose columns begin so, with the heading of its section; its own heading comes first.

    Raises:
        ValueError: there is none.
    """
    for heading, table in page:
        if tuple(table[0][: len(head)]) == tuple(head) and under in heading:
            return table
    raise ValueError(f"the page has no table with the columns {', '.join(head)}")


def four_soups(table: Table) -> Figure:
    """For each pool the difference of a few methods from the greedy soup in full, in standard errors."""
    from matplotlib.figure import Figure

    head, *lines = table
    pools = [name for name in head[1:] if name not in ("mean", "worst")]
    rows = {line[0]: line[1 : len(pools) + 1] for line in lines}
    figure = Figure(figsize=(7.6, 4.8), layout="constrained")
    axes = figure.subplots()
    places = np.arange(len(pools))[::-1]
    axes.axvline(0, color="#555555", linewidth=1)
    for i, (method, (label, shape, colour)) in enumerate(METHODS.items()):
        values = np.array([number(cell) for cell in rows[method]])
        offsets = places + 0.26 - 0.13 * i
        axes.plot(np.maximum(values, LEAST), offsets, shape, color=colour, label=label, markersize=6)
        for value, place in zip(values, offsets, strict=True):
            if value < LEAST:
                axes.annotate(f"← −{-value:.0f}", (LEAST, place), (7, -4), textcoords="offset points", fontsize=9)
    for place in places[:-1]:
        axes.axhline(place - 0.5, color="#dddddd", linewidth=0.8)
    axes.set_yticks(places, pools, fontsize=10)
    axes.set_xlim(LEAST - 0.15, None)
    axes.set_xlabel("held out, standard errors over the greedy soup in full", fontsize=10)
    axes.grid(axis="x", alpha=0.3)
    figure.legend(loc="outside lower center", ncols=3, fontsize=10, frameon=False)
    return figure


def prior(table: Table) -> Figure:
    """For each pool the difference from the greedy soup in full against λ; filled marks are more than noise."""
    from matplotlib.figure import Figure

    head, *lines = table
    lams = [name.removeprefix("λ = ") for name in head[2:]]
    pools = list(dict.fromkeys(line[0] for line in lines))
    figure = Figure(figsize=(9, 4.6), layout="constrained")
    panels = list(np.ravel(figure.subplots(2, -(-len(pools) // 2), sharex=True, sharey=True, squeeze=False)))
    for panel, pool in itertools.zip_longest(panels, pools):
        if pool is None:
            panel.axis("off")
            continue
        panel.axhline(0, color="#555555", linewidth=1)
        for budget, (shape, colour) in BUDGETS.items():
            cells = next(line[2:] for line in lines if line[:2] == [pool, budget])
            _against_lam(panel, cells, f"B = {budget}", shape, colour)
        panel.set_title(pool, fontsize=10)
        panel.set_xticks(range(len(lams)), lams, fontsize=9)
        panel.set_xlabel("λ" if pool in pools[len(panels) // 2 :] else "", fontsize=10)
        panel.grid(alpha=0.3)
    handles, labels = panels[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2, fontsize=10, frameon=False)
    figure.supylabel("standard errors over the greedy soup in full", fontsize=10)
    return figure


def _against_lam(panel: Axes, cells: Sequence[str], label: str, shape: str, colour: str) -> None:
    """A line of values; marks are filled where the table has a star."""
    values = [number(cell) for cell in cells]
    panel.plot(
        range(len(values)), values, f"{shape}-", color=colour, label=label, markersize=5, markerfacecolor="white"
    )
    sure = [i for i, cell in enumerate(cells) if cell.endswith("*")]
    panel.plot(sure, [values[i] for i in sure], shape, color=colour, markersize=5)


def number(cell: str) -> float:
    """The number of a cell, without the star of what is more than noise."""
    return float(cell.rstrip("*"))


if __name__ == "__main__":
    raise SystemExit(main())
