"""The picture of a diagnosis: distances and gaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from radin.common.files import written_aside

if TYPE_CHECKING:
    from radin.report.diagnosis import Diagnosis

BLUE, ORANGE, GREY = "#1f6fb4", "#d9741a", "#707070"


def draw_diagnosis(found: Diagnosis, path: Path) -> None:
    """Draws distances between ingredients, and the gaps of verified soups against their dispersion.

    Arguments:
        found: the diagnosis.
        path: the PNG file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    shown = left.imshow(found.weights.distances, cmap="viridis")
    figure.colorbar(shown, ax=left, shrink=0.8)
    left.set_title("distance of weights", fontsize=10)
    if len(found.names) <= 40:  # more would not be legible
        names = [name.replace("$", r"\$") for name in found.names]  # else what is between two of them is a formula
        left.set_xticks(range(len(names)), names, rotation=90, fontsize=6)
        left.set_yticks(range(len(names)), names, fontsize=6)
    sound = found.sound
    for soups, colour, label in ((sound, BLUE, "soup"), (found.verified, ORANGE, "with a suspect")):
        rest = [one for one in soups if soups is sound or one not in sound]
        spread = [found.dispersion(one) for one in rest]
        right.plot(spread, [one.gap for one in rest], "o", color=colour, label=label)
    right.axhline(0, color=GREY, linestyle="--")
    right.set_title("real soups minus their averaged logits", fontsize=10)
    right.set_xlabel("weight dispersion, Σ wᵢ‖θᵢ − θ̄‖²")
    right.set_ylabel(f"gap ({found.metric or 'no task'})")
    right.legend(fontsize=8)
    right.grid(alpha=0.3)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)
