"""The picture of a diagnosis: distances and gaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radin.common.wording import shortened
from radin.report.saved_figure import save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from radin.report.diagnosis import Diagnosis

BLUE, ORANGE, GREY = "#0a5a9c", "#a84c00", "#707070"

#: Ingredients whose names fit beside the map, and characters of a name.
NAMED, NAME = 40, 24


def draw_diagnosis(found: Diagnosis, path: Path) -> None:
    """Draws distances between ingredients and, where soups were verified, their gaps against their dispersion.

    Arguments:
        found: the diagnosis.
        path: the PNG file to write.
    """
    from matplotlib.figure import Figure

    panels = 2 if found.verified else 1
    figure = Figure(figsize=(5 * panels + 1, 4.6), layout="constrained")
    axes = figure.subplots(1, panels, squeeze=False)[0]
    _draw_distances(figure, axes[0], found)
    if found.verified:
        _draw_gaps(axes[1], found)
    save_figure(figure, path)


def _draw_distances(figure: Figure, axes: Axes, found: Diagnosis) -> None:
    shown = axes.imshow(found.weights.distances, cmap="viridis")
    figure.colorbar(shown, ax=axes, shrink=0.9, label="distance, ‖θᵢ − θⱼ‖")
    axes.set_title("distances between the ingredients' weights", fontsize=11)
    axes.set_xticks([])  # the columns have the order of the rows
    axes.set_yticks([])
    if len(found.names) <= NAMED:
        short = shortened(found.names, NAME)
        # What stands between two dollars would be read as a formula.
        names = [_end(short[name]).replace("$", r"\$") for name in found.names]
        axes.set_yticks(range(len(names)), names, fontsize=9 if len(names) <= 20 else 6)


def _end(name: str) -> str:
    """A name by its end, where names of runs differ."""
    return name if len(name) <= NAME else f"…{name[1 - NAME :]}"


def _draw_gaps(axes: Axes, found: Diagnosis) -> None:
    sound = found.sound
    suspect = [one for one in found.verified if one not in sound]
    for soups, colour, mark, label in ((sound, BLUE, "o", "soup"), (suspect, ORANGE, "^", "soup with a suspect")):
        if soups:
            spread = [found.dispersion(one) for one in soups]
            axes.plot(spread, [one.gap for one in soups], mark, color=colour, label=label)
    axes.axhline(0, color=GREY, linestyle="--")
    axes.set_title("real soups minus their averaged logits", fontsize=11)
    axes.set_xlabel("weight dispersion, Σ wᵢ‖θᵢ − θ̄‖²")
    axes.set_ylabel(f"gap, {found.metric}")
    axes.legend(fontsize=9)
    axes.grid(alpha=0.3)
