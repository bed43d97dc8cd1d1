"""Pictures of a run (score against budget) and of a diagnosis (distances and gaps)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radin.common.files import written_aside
from radin.report.result import Result
from radin.scoring.metrics import Metric
from radin.searching.driver import Shortlist

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from radin.report.diagnosis import Diagnosis

BLUE, ORANGE, GREY = "#1f6fb4", "#d9741a", "#707070"


def draw_run(result: Result, shortlist: Shortlist, metric: Metric, path: Path) -> None:
    """Draws score against budget: candidates scored from logits on the left, real soups on the right.

    Arguments:
        result: the verified soups and the best ingredient.
        shortlist: the search whose trace is drawn.
        metric: gives the sign of the values that are shown.
        path: the PNG file to write.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 4), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    _draw_search(left, shortlist, metric)
    _draw_soups(right, result, metric)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)


def _draw_search(axes: Axes, shortlist: Shortlist, metric: Metric) -> None:
    charged, scores = shortlist.trace
    sign = 1 if metric.higher_is_better else -1
    x = [*charged.tolist(), shortlist.charged]
    y = [*scores.tolist(), *scores[-1:].tolist()]
    axes.step(x[: len(y)], sign * np.array(y), where="post", color=BLUE)
    if shortlist.charged > 100:  # most improvements come early in a long search
        axes.set_xscale("log")
    axes.set_title(f"search on averaged logits: {shortlist.searcher}", fontsize=10)
    axes.set_xlabel("candidates scored")
    axes.set_ylabel(f"best score so far ({metric.name}, prior included)")
    axes.grid(alpha=0.3)


def _draw_soups(axes: Axes, result: Result, metric: Metric) -> None:
    single = result.best_ingredient.value
    real = [soup.value for soup in result.verified]
    spent = list(range(1, len(real) + 1))
    best: Any = np.maximum.accumulate if metric.higher_is_better else np.minimum.accumulate
    axes.axhline(single, color=GREY, linestyle="--", label="best single ingredient")
    axes.step([0, *spent], best([single, *real]), where="post", color=BLUE, label="best so far")
    axes.plot(spent, real, "o", color=BLUE, label="real soup")
    axes.plot(spent, [soup.ensemble_value for soup in result.verified], "x", color=ORANGE, label="its averaged logits")
    for one, style in zip(result.baselines, (":", "-.", (0, (5, 1))), strict=False):
        if one.soup is not None:
            axes.axhline(one.value, color=ORANGE, linestyle=style, linewidth=1, label=f"baseline: {one.name}")
    axes.set_xticks([0, *spent] if len(spent) <= 16 else np.linspace(0, len(spent), 9, dtype=int))
    axes.set_title("real soups", fontsize=10)
    axes.set_xlabel("real soups evaluated")
    axes.set_ylabel(f"{metric.name} on the selection data")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)


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
        spread = [float(found.weights.dispersion(one.recipe.row[None])[0]) for one in rest]
        right.plot(spread, [one.gap for one in rest], "o", color=colour, label=label)
    right.axhline(0, color=GREY, linestyle="--")
    right.set_title("real soups minus their averaged logits", fontsize=10)
    right.set_xlabel("weight dispersion, Σ wᵢ‖θᵢ − θ̄‖²")
    right.set_ylabel(f"gap ({found.metric or 'no task'})")
    right.legend(fontsize=8)
    right.grid(alpha=0.3)
    with written_aside(path) as file:
        figure.savefig(file, format="png", dpi=120)
