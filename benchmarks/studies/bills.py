"""Held-out score against the whole bill, as a table and as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from benchmarks.comparison.tables import markdown
from benchmarks.studies.draws import Row, interval, points

#: Draws from which an interval is shown: that of two reaches far beyond every picture.
FEWEST = 3

COLOURS = ("#1f6fb4", "#d9741a", "#2f8f4e", "#8a4fa3", "#b03a48", "#5f6b73")


def summary(rows: Sequence[Row]) -> str:
    """For each pool and way, the mean of all passes and soups, and the gain over the best ingredient, in points."""
    ways = sorted({(row["rule"], row["criterion"], row["soups"]) for row in rows})
    lines = []
    for pool in sorted({row["zoo"] for row in rows}):
        of_pool = [row for row in rows if row["zoo"] == pool]
        once = _once(of_pool)
        n = np.mean([row["n"] for row in once])
        lines.append([pool, "best ingredient", "", "", str(len(once)), f"{n:.1f}", "0"])
        gain = points([row["greedy"] - row["best_single"] for row in once])
        lines.append([pool, "greedy soup", "", "", str(len(once)), f"{2 * n - 1:.1f}", gain])
        for rule, criterion, soups in ways:
            group = [
                row for row in of_pool if (row["rule"], row["criterion"], row["soups"]) == (rule, criterion, soups)
            ]
            if group:
                bill = np.mean([row["passes"] + row["verified"] for row in group])
                gain = points([row["held_out"] - row["best_single"] for row in group])
                lines.append([pool, rule, criterion, str(soups), str(len(group)), f"{bill:.1f}", gain])
    head = ("pool", "way", "criterion", "B", "draws", "passes in all", "held out, over the best ingredient")
    return markdown(head, lines, texts=3)


def draw_bills(rows: Sequence[Row], path: Path, full: str) -> None:
    """Draws one panel a pool; a point is the mean over its draws, with the 95 % interval of the paired difference where
    there are at least `FEWEST` draws.

    The best ingredient, at N passes, is the zero of each panel. The greedy soup in full takes 2N − 1. Every other line
    leads from B = 1 to the largest B: passes of ingredients, whole or in part, and real soups together.

    Arguments:
        rows: of the study of racing.
        path: the PNG file to write.
        full: the rule that runs all ingredients in full.
    """
    from matplotlib.figure import Figure

    pools = sorted({row["zoo"] for row in rows})
    ways = sorted({(row["rule"], row["criterion"]) for row in rows}, key=lambda way: (way[0] != full, way))
    columns = min(4, len(pools))
    lines = -(-len(pools) // columns)
    figure = Figure(figsize=(3.4 * columns, 3 * lines), layout="constrained")
    panels = np.atleast_1d(figure.subplots(lines, columns)).ravel()
    for panel, pool in zip(panels, pools, strict=False):
        of_pool = [row for row in rows if row["zoo"] == pool]
        n = int(np.median([row["n"] for row in of_pool]))
        panel.axhline(0, color="#999999", linewidth=0.8)
        panel.plot([n], [0], "k|", markersize=12, label="best ingredient, N")
        greedy = [100 * (row["greedy"] - row["best_single"]) for row in _once(of_pool)]
        mean, half = _shown(greedy)
        panel.errorbar([2 * n - 1], [mean], yerr=[half], fmt="ks", capsize=3, label="greedy, 2N − 1")
        for (rule, criterion), colour in zip(ways, COLOURS, strict=False):
            group = [row for row in of_pool if (row["rule"], row["criterion"]) == (rule, criterion)]
            spots = [_point([row for row in group if row["soups"] == b]) for b in sorted({r["soups"] for r in group})]
            if spots:
                bills, means, halves = zip(*spots, strict=True)
                style = "o-" if rule == full else "o--"
                panel.errorbar(
                    bills, means, yerr=halves, fmt=style, color=colour, capsize=2, label=f"{rule}, {criterion}"
                )
        panel.set_title(f"{pool}, N = {n}", fontsize=9)
        panel.grid(alpha=0.3)
    for panel in panels[len(pools) :]:
        panel.axis("off")
    panels[0].legend(fontsize=6)
    figure.supxlabel("passes in all: ingredients and real soups", fontsize=9)
    figure.supylabel("held out, points over the best ingredient", fontsize=9)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, format="png", dpi=120)


def _point(group: Sequence[Row]) -> tuple[float, float, float]:
    """Mean bill, mean gain over the best ingredient in points, and half of its interval."""
    mean, half = _shown([100 * (row["held_out"] - row["best_single"]) for row in group])
    return float(np.mean([row["passes"] + row["verified"] for row in group])), mean, half


def _shown(differences: Sequence[float]) -> tuple[float, float]:
    """Their mean, and half of its interval; 0 for too few."""
    mean, half = interval(differences)
    return mean, half if len(differences) >= FEWEST else 0.0


def _once(rows: Sequence[Row]) -> list[Row]:
    """One row of each draw: the references are the same in all of them."""
    return list({(row["store"], row["replicate"], row["rows"]): row for row in rows}.values())
