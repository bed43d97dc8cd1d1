"""Held-out score against the whole bill, as a table and as a picture of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from benchmarks.comparison.tables import markdown
from benchmarks.studies.draws import Row, in_points, interval
from radin.common.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Draws from which an interval is shown: that of two reaches far beyond every picture.
FEWEST = 3

HEAD = ("pool", "way", "criterion", "B", "draws", "passes in all", "held out, over the best ingredient")

#: The names of the two ways in which radin has no part, and of the one in which it runs all ingredients in full.
BEST, GREEDY, IN_FULL = "best ingredient", "greedy soup", "all passes"

#: The criterion that is drawn where the rows have several: radin's default.
DRAWN = "calibrated-one-se"

#: A mark and a line for each way of radin's, and a colour that the colour-blind tell apart (Okabe and Ito).
MARKS = (("o-", "#0072B2"), ("^--", "#D55E00"), ("D:", "#009E73"))


@dataclass(frozen=True)
class Spot:
    """What a way of choosing takes and gives on a pool, on the mean over draws.

    Attributes:
        pool: its name.
        way: the best ingredient, the greedy soup, or a rule by which ingredients race, or do not.
        criterion: by which radin ranks and chooses; empty for the first two.
        soups: real soups, B; None for the first two.
        draws: their number.
        bill: passes of ingredients and soups in all.
        gain: points of the metric over the best ingredient.
        half: half of the gain's 95 % interval; NaN where there is none.
    """

    pool: str
    way: str
    criterion: str
    soups: int | None
    draws: int
    bill: float
    gain: float
    half: float


def spots(rows: Sequence[Row]) -> list[Spot]:
    """The mean bills and gains of the rows of the study of racing."""
    ways = sorted({(row["rule"], row["criterion"], row["soups"]) for row in rows})
    found = []
    for pool in sorted({row["zoo"] for row in rows}):
        of_pool = [row for row in rows if row["zoo"] == pool]
        once = _once(of_pool)
        n = float(np.mean([row["n"] for row in once]))
        found.append(Spot(pool, BEST, "", None, len(once), n, 0.0, math.nan))
        gain, half = interval([100 * (row["greedy"] - row["best_single"]) for row in once])
        found.append(Spot(pool, GREEDY, "", None, len(once), 2 * n - 1, gain, half))
        for way in ways:
            group = [row for row in of_pool if (row["rule"], row["criterion"], row["soups"]) == way]
            if group:
                bill = float(np.mean([row["passes"] + row["verified"] for row in group]))
                gain, half = interval([100 * (row["held_out"] - row["best_single"]) for row in group])
                found.append(Spot(pool, *way, len(group), bill, gain, half))
    return found


def summary(rows: Sequence[Row]) -> str:
    """For each pool and way, the mean of all passes and soups, and the gain over the best ingredient, in points."""
    lines = []
    for one in spots(rows):
        gain = "0" if one.way == BEST else in_points(one.gain, one.half)
        soups = "" if one.soups is None else str(one.soups)
        lines.append([one.pool, one.way, one.criterion, soups, str(one.draws), f"{one.bill:.1f}", gain])
    return markdown(HEAD, lines, texts=3)


def read_spots(table: Sequence[Sequence[str]]) -> list[Spot]:
    """The spots in the cells of such a table, as it stands on a page; its heading left out."""
    found = []
    for pool, way, criterion, soups, draws, bill, gained in table:
        gain, _, half = gained.partition(" ± ")
        known = int(soups) if soups else None
        found.append(Spot(pool, way, criterion, known, int(draws), float(bill), float(gain), float(half or "nan")))
    return found


def draw_bills(found: Sequence[Spot], path: Path) -> None:
    """Draws one panel a pool; a point is the mean over its draws, with the 95 % interval of the paired difference where
    there are at least `FEWEST` draws.

    The best ingredient, at N passes, is the zero of each panel. The greedy soup in full takes 2N − 1. Every other line
    leads from B = 1 to the largest B: passes of ingredients, whole or in part, and real soups together.

    Arguments:
        found: the spots. Of several criteria radin's default is drawn.
        path: the PNG file to write.
    """
    from matplotlib.figure import Figure

    criteria = {one.criterion for one in found} - {""}
    shown = [one for one in found if not one.criterion or len(criteria) == 1 or one.criterion == DRAWN]
    pools = sorted({one.pool for one in shown})
    ways = sorted({one.way for one in shown} - {BEST, GREEDY})[: len(MARKS)]
    columns = math.ceil(math.sqrt(len(pools) + 1))  # one more panel, for the legend
    lines = -(-(len(pools) + 1) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.6 * lines), layout="constrained")
    panels = list(np.ravel(figure.subplots(lines, columns, squeeze=False)))
    for panel, pool in zip(panels, pools, strict=False):
        _panel(panel, [one for one in shown if one.pool == pool], ways)
    for panel in panels[len(pools) :]:
        panel.axis("off")
    handles, labels = panels[0].get_legend_handles_labels()
    panels[len(pools)].legend(handles, labels, loc="center", fontsize=10, frameon=False)
    figure.supxlabel("passes in all: ingredients and real soups", fontsize=11)
    figure.supylabel("points over the best ingredient, held out", fontsize=11)
    path.parent.mkdir(parents=True, exist_ok=True)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _panel(panel: Axes, of_pool: Sequence[Spot], ways: Sequence[str]) -> None:
    """The ways of one pool."""
    panel.axhline(0, color="#999999", linewidth=0.8)
    (best,) = (one for one in of_pool if one.way == BEST)
    (greedy,) = (one for one in of_pool if one.way == GREEDY)
    panel.plot([best.bill], [0], "k|", markersize=14, markeredgewidth=2, label="best ingredient, N passes")
    panel.errorbar([greedy.bill], [greedy.gain], yerr=[_half(greedy)], fmt="ks", capsize=3, label="greedy soup, 2N − 1")
    for way, (line, colour) in zip(ways, MARKS, strict=False):
        mine = sorted((one for one in of_pool if one.way == way), key=lambda one: one.soups or 0)
        if mine:
            bills, gains, halves = zip(*((one.bill, one.gain, _half(one)) for one in mine), strict=True)
            style = {"fmt": line, "color": colour, "capsize": 2, "markersize": 5}
            panel.errorbar(bills, gains, yerr=halves, **style, label=_label(way))
    panel.set_title(f"{best.pool}, N = {best.bill:.0f}", fontsize=10)
    panel.tick_params(labelsize=9)
    panel.locator_params(nbins=5)
    panel.grid(alpha=0.3)


def _label(way: str) -> str:
    """A way in words; the number of random halves is the same in all."""
    return f"radin, {way}" if way == IN_FULL else f"radin, race: {way.partition(', H')[0]}"


def _half(one: Spot) -> float:
    """Half of an interval that is drawn; 0 for too few draws."""
    return one.half if one.draws >= FEWEST and math.isfinite(one.half) else 0.0


def _once(rows: Sequence[Row]) -> list[Row]:
    """One row of each draw: the references are the same in all of them."""
    return list({(row["store"], row["replicate"], row["rows"]): row for row in rows}.values())
