"""The rows of `kernels` for people: a table, and a picture of cost."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radin.common.files import written_aside

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: What one method took on one case, and all that describes both.
Row = dict[str, Any]

#: For each letter the points of each method: how many, and CPU seconds per recipe.
Lines = Mapping[str, Mapping[str, Sequence[tuple[int, float]]]]


@dataclass(frozen=True)
class Look:
    """A method's line. Marks and dashes differ as well as colours, which are those of Okabe and Ito."""

    label: str
    mark: str
    dashes: Any
    colour: str


#: The methods that are drawn. The rows of the dense one also name its block sizes.
LOOKS = {
    "numpy in place": Look("numpy, in place", "s", (0, (5, 2)), "#000000"),
    "dense torch": Look("dense torch", "^", (0, (1, 1.2)), "#D55E00"),
    "radin, products": Look("radin without numba", "D", (0, (6, 2, 1, 2)), "#009E73"),
    "bare product": Look("bare product", "x", (0, (3, 2)), "#6B6B6B"),
    "radin": Look("radin", "o", "solid", "#0072B2"),
}

#: The axes, and what else stands still.
AXES = {
    "N": "N, ingredients (M = 10 000, C = 100)",
    "M": "M, samples (N = 32, C = 100)",
    "C": "C, classes (N = 32, M = 10 000)",
    "K": "K, recipes in a call (N = 32, M = 10 000, C = 100)",
}

#: The least distance of two labels, as a share of the height of the axes.
APART = 0.075


def table(rows: Sequence[Row]) -> str:
    """The rows for people."""
    lines = [f"{'case':15} {'method':26} {'µs':>11} {'range':>21} {'ratio':>8} {'cpu':>8} {'exact':>5} {'MB':>6}"]
    for row in rows:
        if row["seconds"] is None:
            lines.append(f"{row['case']:15} {row['method']:26} {row['error']}")
            continue
        low, high = (1e6 * value for value in row["seconds_range"])
        ratio, busy = ("-" if row[key] is None else f"{row[key]:.2f}" for key in ("ratio", "cpu_ratio"))
        exact = {True: "yes", False: "NO", None: "-"}[row["exact"]]
        lines.append(
            f"{row['case']:15} {row['method']:26} {1e6 * row['seconds']:11.1f} {low:10.1f}-{high:10.1f} "
            f"{ratio:>8} {busy:>8} {exact:>5} {row['memory_mb']:6.0f}"
        )
    return "\n".join(lines)


def lines(rows: Sequence[Row]) -> Lines:
    """The points of the picture of cost: CPU seconds per recipe of the methods that are drawn, against N, M, C and K.

    Where a point was measured more than once, as that of the bank *synthetic mid*, the last one counts.
    """
    found: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for letter in AXES:
        near = [row for row in rows if row["case"] == "synthetic mid" or row["case"].split()[0] == letter]
        for method in LOOKS:
            named = [row for row in near if _is(method, row["method"]) and row["cpu_seconds"]]
            points = {row[letter.lower()]: float(f"{row['cpu_seconds']:.3g}") for row in named}
            found.setdefault(letter, {})[method] = sorted(points.items())
    return found


def _is(method: str, name: str) -> bool:
    return name.rstrip("0123456789x ,") == method


def draw_lines(found: Lines, path: Path) -> None:
    """Draws CPU time per recipe against N, M, C and K; each line is named at its end.

    Arguments:
        found: the points.
        path: the PNG file to write, 900 pixels wide.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 7.2), layout="constrained")
    panels = figure.subplots(2, 2, sharey=True)
    for panel, (letter, about) in zip(panels.flat, AXES.items(), strict=True):
        ends = {}
        for method, look in LOOKS.items():
            points = [(x, 1e6 * seconds) for x, seconds in found[letter][method]]
            if not points:  # the case was not asked for
                continue
            style = {"color": look.colour, "linestyle": look.dashes, "marker": look.mark, "markersize": 6}
            panel.loglog(*zip(*points, strict=True), linewidth=1.6, label=look.label, **style)
            ends[look] = points[-1]
        panel.set_xlabel(about, fontsize=10)
        panel.tick_params(labelsize=9)
        panel.grid(alpha=0.3)
        if ends:
            _name(panel, ends)
    figure.supylabel("CPU time per recipe, µs", fontsize=11)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=100)


def _name(panel: Axes, ends: Mapping[Look, tuple[float, float]]) -> None:
    """Writes the name of each line to the right of its last point."""
    low, high = (math.log10(value) for value in panel.get_ylim())
    ordered = sorted(ends.items(), key=lambda end: end[1][1])
    places = apart([(math.log10(y) - low) / (high - low) for _, (_, y) in ordered])
    for (look, end), place in zip(ordered, places, strict=True):
        how: dict[str, Any] = {"arrowstyle": "-", "color": look.colour, "linewidth": 0.7, "relpos": (0, 0.5)}
        style: dict[str, Any] = {"fontsize": 9, "va": "center", "arrowprops": how}
        panel.annotate(look.label, end, (1.06, place), textcoords="axes fraction", **style)


def apart(places: Sequence[float], least: float = APART) -> list[float]:
    """Places in ascending order, moved as little as it takes to be `least` apart: those that collide stand around their
    mean."""
    groups: list[list[float]] = []
    for place in places:
        groups.append([place])
        while (
            len(groups) > 1
            and _middle(groups[-1]) - _middle(groups[-2]) < least * (len(groups[-1]) + len(groups[-2])) / 2
        ):
            last = groups.pop()
            groups[-1] += last
    return [_middle(group) + least * (i - (len(group) - 1) / 2) for group in groups for i in range(len(group))]


def _middle(group: Sequence[float]) -> float:
    return sum(group) / len(group)
