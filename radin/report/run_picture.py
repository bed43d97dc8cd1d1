"""The picture of a run: soups above their members, noise, and what the winner is worth on unseen data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from radin.common.wording import decimal, shortened
from radin.report.entries import Interval, Network
from radin.report.member_names import cut, member_names
from radin.report.near import near_best
from radin.report.record import Record
from radin.report.saved_figure import save_figure
from radin.scoring.significance import Z95

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes

#: The picture's file in the run folder.
PICTURE = "soups.png"

#: Blue and orange are told apart by nearly everyone; ingredients are grey.
BLUE, ORANGE, GREY, PALE = "#0a5a9c", "#a84c00", "#767b82", "#dfe9f3"

#: Soups that are drawn, the best ones, and characters of a row's name.
SOUPS, NAME, SHORT_NAME = 8, 34, 24


def draw_run(record: Record, path: Path) -> None:
    """Draws a run: on the left the selection data, on the right data that selected nothing.

    On the left each soup has a row with its own value and those of its members, over the band of paired noise around
    the best ingredient; the last row has all ingredients.

    Arguments:
        record: of the run.
        path: the PNG file to write, 1200 pixels wide.
    """
    from matplotlib.figure import Figure

    soups = [one for one in record.leaderboard if one.is_soup][:SOUPS]
    rows = max(len(soups) + 1, sum(len(networks(record, i)) for i in range(len(record.unseen[:2]))))
    figure = Figure(figsize=(10, 1.9 + 0.34 * rows), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    beyond = [_draw_selection(left, record, soups), _draw_unseen(right, record, rows)]
    figure.legend(handles=_key(any(beyond)), fontsize=8.5, frameon=False, ncols=6, loc="outside lower left")
    figure.suptitle(_plain(_title(record)), fontsize=12, x=0.01, ha="left", fontweight="bold")
    save_figure(figure, path)


def _title(record: Record) -> str:
    if record.winner.is_soup:
        return f"A soup of {record.winner.size} of {record.n_ingredients} ingredients"
    (name,) = record.winner.recipe
    return f"No soup won: the winner is {cut(name, NAME)}, one of {record.n_ingredients} ingredients"


def _key(beyond: bool) -> list[Artist]:
    """The meaning of each mark; that of what lies beyond the range, where something does."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    key: list[Artist] = [
        Line2D([], [], color=BLUE, marker="o", linestyle="", label="soup"),
        Line2D([], [], color=GREY, marker="|", linestyle="", markersize=9, label="members, each on its own"),
        Line2D([], [], color="black", linewidth=1, linestyle=(0, (3, 3)), label="best ingredient"),
        Patch(color=PALE, label="paired noise: no better for sure"),
        Line2D([], [], color=GREY, linewidth=2, marker="o", label="95 % interval"),
    ]
    if beyond:
        key.append(Line2D([], [], color=GREY, marker="<", linestyle="", markersize=6, label="far worse"))
    return key


def _draw_selection(axes: Axes, record: Record, soups: Sequence[Network]) -> bool:
    """Draws soups, members and noise; returns whether some lie beyond the range."""
    own = {name: one.value for one in record.ingredients for name in one.recipe}
    best, last = record.best_ingredient.value, len(soups)
    short = shortened(list(own), SHORT_NAME)
    marks = [(place, [own[name] for name in one.recipe if name in own], one.value) for place, one in enumerate(soups)]
    low, high = _range(record, soups, [*own.values()])
    beyond = False
    for place, members, value in [*marks, (last, [*own.values()], None)]:
        seen = [each for each in members if low <= each <= high]
        axes.plot(seen, [place] * len(seen), "|", color=GREY, markersize=9, markeredgewidth=1.4)
        if len(seen) < len(members):
            beyond = _point_beyond(axes, record.higher_is_better, place + 0.14, GREY)
        if value is None:
            continue
        if low <= value <= high:
            axes.plot(value, place, "o", color=BLUE, markersize=7)
        else:
            beyond = _point_beyond(axes, record.higher_is_better, place - 0.14, BLUE)
    for place, one in enumerate(soups):
        if one.ahead_error:
            axes.barh(place, 2 * Z95 * one.ahead_error, 1.0, best - Z95 * one.ahead_error, color=PALE, zorder=0)
    axes.axvline(best, color="black", linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    names = [_titled(record.title_of(one), one.value) or member_names(one, short, NAME) for one in soups]
    _rows(axes, [*names, f"{'the' if record.dropped else 'all'} {len(own)} that ran in full"])
    axes.set_xlim(low, high)
    axes.set_xlabel(
        f"{record.metric} on the selection data" + (record.criterion and f"; best {record.criterion} first")
    )
    return beyond


def _point_beyond(axes: Axes, higher: bool, place: float, colour: str) -> bool:
    """Marks at the worse end of a row that something lies beyond it."""
    where, mark = (0.0, "<") if higher else (1.0, ">")
    axes.plot(where, place, mark, color=colour, markersize=6, transform=axes.get_yaxis_transform(), clip_on=False)
    return True


def _range(record: Record, soups: Sequence[Network], own: Sequence[float]) -> tuple[float, float]:
    """The values that are shown, without networks so much worse that all others would stand in one spot."""
    best = record.best_ingredient.value
    baselines = [one.value for one in soups if record.title_of(one)]
    near = near_best([*own, *baselines], own, higher_is_better=record.higher_is_better)
    asked = [one.value for one in soups if not record.title_of(one) or one == record.winner]
    reach = [best + sign * Z95 * one.ahead_error for one in soups if one.ahead_error for sign in (-1, 1)]
    shown = [value for value in (*near, *asked, *reach) if math.isfinite(value)] or [0.0, 1.0]
    low, high = min(shown), max(shown)
    room = 0.05 * ((high - low) or abs(high) or 1.0)  # equal networks
    return low - room, high + room


def networks(record: Record, i: int) -> list[tuple[str, Interval, str]]:
    """The networks on one set of unseen data: name, value with interval, colour."""
    one = record.unseen[i]
    found = [("winner", one.winner, BLUE)]
    if record.is_compared:
        found.append(("best ingredient", one.best_ingredient, GREY))
    if one.control is not None:
        found.append(("with recomputed statistics", one.control, GREY))
    return found + [(title, each, ORANGE) for title, each in one.baselines.items()]


def _draw_unseen(axes: Axes, record: Record, rows: int) -> bool:
    """Draws values on unseen data with their intervals; returns whether some lie beyond the range."""
    names, place, beyond = [], 0, False
    sets = record.unseen[:2]  # of many sets the report has them all
    for i, one in enumerate(sets):
        for name, each, colour in networks(record, i):
            if each in one.near:
                axes.plot([each.low, each.high], [place, place], "-", color=colour, linewidth=2)
                axes.plot(each.value, place, "o", color=colour, markersize=7)
            else:
                name, beyond = _titled(name, each.value), _point_beyond(axes, record.higher_is_better, place, colour)
            names.append(name if len(sets) == 1 else f"{name}, {one.name}")
            place += 1
    _rows(axes, [cut(name, NAME) for name in names])
    on = sets[0].name if len(sets) == 1 else "test sets"
    axes.set_ylim(max(rows, len(names)) - 0.4, -0.6)  # rows as high as those on the left
    axes.set_xlabel(_plain(f"{record.metric} on the {on}"))
    return beyond


def _rows(axes: Axes, names: list[str]) -> None:
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(names)), [_plain(name) for name in names], fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0, pad=9)  # beside marks of what lies beyond
    axes.tick_params(axis="x", labelsize=9)
    axes.grid(axis="x", color="#dcdad3", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _titled(title: str, value: float) -> str:
    """A title with its value, which may lie beyond the picture; empty for no title."""
    return title and f"{title}, {decimal(value)}"


def _plain(text: str) -> str:
    """A text that is not read as a formula, which what stands between two dollars would be."""
    return text.replace("$", r"\$")
