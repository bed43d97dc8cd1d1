"""The picture of a run: soups above their members, noise, and what the winner is worth on unseen data."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from radin.common.files import written_aside
from radin.common.wording import decimal, shortened
from radin.report.entries import Interval, Network
from radin.report.record import Record
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
    _draw_selection(left, record, soups)
    _draw_unseen(right, record, rows)
    figure.legend(handles=_key(), fontsize=8.5, frameon=False, ncols=5, loc="outside lower left")
    figure.suptitle(_plain(f"{record.metric}: {_title(record)}"), fontsize=12, x=0.01, ha="left", fontweight="bold")
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _title(record: Record) -> str:
    if record.winner.is_soup:
        return f"a soup of {record.winner.size} of {record.n_ingredients} ingredients"
    return f"the best of {record.n_ingredients} ingredients"


def _key() -> list[Artist]:
    """The meaning of each mark."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    return [
        Line2D([], [], color=BLUE, marker="o", linestyle="", label="soup"),
        Line2D([], [], color=GREY, marker="|", linestyle="", markersize=9, label="members, each on its own"),
        Line2D([], [], color="black", linewidth=1, linestyle=(0, (3, 3)), label="best ingredient"),
        Patch(color=PALE, label="paired noise: no better for sure"),
        Line2D([], [], color=GREY, linewidth=2, marker="o", label="95 % interval"),
    ]


def _draw_selection(axes: Axes, record: Record, soups: list[Network]) -> None:
    own = {name: one.value for one in record.ingredients for name in one.recipe}
    best, last = record.best_ingredient.value, len(soups)
    short = shortened(list(own), SHORT_NAME)
    for place, one in enumerate(soups):
        if one.ahead_error:
            axes.barh(place, 2 * Z95 * one.ahead_error, 1.0, best - Z95 * one.ahead_error, color=PALE, zorder=0)
        members = [own[name] for name in one.recipe if name in own]
        axes.plot(members, [place] * len(members), "|", color=GREY, markersize=9, markeredgewidth=1.4)
        axes.plot(one.value, place, "o", color=BLUE, markersize=7)
    axes.plot([*own.values()], [last] * len(own), "|", color=GREY, markersize=9, markeredgewidth=1.4)
    axes.axvline(best, color="black", linewidth=1, linestyle=(0, (3, 3)), zorder=1)
    names = [_titled(record.title_of(one), one.value) or _members(one, short) for one in soups]
    _rows(axes, [*names, f"all {len(own)} ingredients"])
    asked = [one.value for one in soups if not record.title_of(one) or one == record.winner]
    _within(axes, [*own.values()], asked, [one.value for one in soups], record.higher_is_better)
    axes.set_xlabel("on the selection data" + (record.criterion and f"; best {record.criterion} first"))


def _within(axes: Axes, own: list[float], asked: list[float], soups: list[float], higher: bool) -> None:
    """Leaves those networks out of the range that are so much worse that all others would stand in one spot."""
    ordered = sorted(own, reverse=higher)
    middle = abs(ordered[0] - ordered[len(ordered) // 2])
    near = [value for value in ordered if middle == 0 or abs(ordered[0] - value) <= 4 * middle]
    low, high = min(near + asked), max(near + asked)
    if len(near) < len(own) or any(not low <= value <= high for value in soups):
        room = 0.05 * ((high - low) or abs(high) or 1.0)  # equal networks, and soups that are far worse
        axes.set_xlim(low - room, high + room)


def networks(record: Record, i: int) -> list[tuple[str, Interval, str]]:
    """The networks on one set of unseen data: name, value with interval, colour."""
    one = record.unseen[i]
    found = [("winner", one.winner, BLUE)]
    if record.is_compared:
        found.append(("best ingredient", one.best_ingredient, GREY))
    if one.control is not None:
        found.append(("with recomputed statistics", one.control, GREY))
    return found + [(title, each, ORANGE) for title, each in one.baselines.items()]


def _draw_unseen(axes: Axes, record: Record, rows: int) -> None:
    names, place = [], 0
    sets = record.unseen[:2]  # of many sets the report has them all
    for i, one in enumerate(sets):
        for name, each, colour in networks(record, i):
            axes.plot([each.low, each.high], [place, place], "-", color=colour, linewidth=2)
            axes.plot(each.value, place, "o", color=colour, markersize=7)
            name = name if each in one.near else _titled(name, each.value)
            names.append(name if len(sets) == 1 else f"{name}, {one.name}")
            place += 1
    _rows(axes, [_cut(name) for name in names])
    on = sets[0].name if len(sets) == 1 else "test sets"
    if len(sets) == 1 and len(sets[0].near) < len(names):
        ends = [value for each in sets[0].near for value in (each.low, each.high)]
        room = 0.05 * (max(ends) - min(ends))
        axes.set_xlim(min(ends) - room, max(ends) + room)
    axes.set_ylim(max(rows, len(names)) - 0.4, -0.6)  # rows as high as those on the left
    axes.set_xlabel(_plain(f"on the {on}"))


def _rows(axes: Axes, names: list[str]) -> None:
    axes.locator_params(axis="x", nbins=5)
    axes.set_yticks(range(len(names)), [_plain(name) for name in names], fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.tick_params(axis="x", labelsize=9)
    axes.grid(axis="x", color="#dcdad3", linewidth=0.8)
    axes.set_axisbelow(True)
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)


def _members(one: Network, short: Mapping[str, str]) -> str:
    """The heaviest members, as many as there is room for, and the number of the others."""
    names = [short.get(name, name) for name, _ in one.by_weight]
    shown = next(n for n in range(len(names), 0, -1) if n == 1 or len(" + ".join(names[:n])) <= NAME - 9)
    more = f" + {len(names) - shown} more" if shown < len(names) else ""
    return _cut(" + ".join(names[:shown])) + more


def _titled(title: str, value: float) -> str:
    """A title with its value, which may lie beyond the picture; empty for no title."""
    return title and f"{title}, {decimal(value)}"


def _cut(name: str) -> str:
    return name if len(name) <= NAME else f"{name[: NAME - 1]}…"


def _plain(text: str) -> str:
    """A text that is not read as a formula, which what stands between two dollars would be."""
    return text.replace("$", r"\$")
