"""The distances between ingredients' weights, from the run folder, as a heat map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64
from markupsafe import Markup

from radin.common.array_folder import ArrayFolder
from radin.evaluation.gram import Gram
from radin.report.page.clusters import clustered
from radin.report.page.palette import NEAR_TO_FAR_LIGHT
from radin.report.page.svg import element
from radin.report.record import Record

#: Ingredients whose names fit beside a map.
NAMED = 48

#: Pixels of a cell with a name beside it, in large maps and in small ones, and of a map without names.
CELL, LARGE_CELL, WHOLE = 15, 26, 560

STEPS = len(NEAR_TO_FAR_LIGHT)


@dataclass(frozen=True)
class Distances:
    """Distances of the ingredients that ran in full.

    Attributes:
        names: in the order of rows and columns.
        matrix: `‖θᵢ − θⱼ‖`, `float64[n, n]`; NaN for weights that are not finite.
    """

    names: tuple[str, ...]
    matrix: Float64[np.ndarray, "n n"]


def stored_distances(record: Record) -> Distances | None:
    """The distances of a run's ingredients, as far as its folder holds them whole; None where it does not."""
    wanted, ran = record.about.get("distances"), {name for one in record.ingredients for name in one.recipe}
    if not wanted:  # runs of earlier versions do not tell the order of the pool
        return None
    found = ArrayFolder(record.folder / "grams", read_only=True).get(wanted, wanted)
    names = tuple(name for name in record.about["ingredients"] if name in ran)
    if found is None or found.shape[-2:] != (len(names), len(names)):
        return None
    matrix = np.array(found, dtype=np.float64).reshape(-1, len(names), len(names))[0]
    return Distances(names, Gram(names, matrix).distances)


def heat_map(found: Distances, shown: dict[str, str]) -> Markup:
    """The map, clustered, from near (pale on a light page) to far.

    Arguments:
        found: the distances.
        shown: short forms of names.
    """
    order = clustered(found.matrix)
    levels = _levels(found.matrix[np.ix_(order, order)])
    n = len(order)
    names = [shown.get(found.names[i], found.names[i]) for i in order] if n <= NAMED else []
    left = 7 * max(map(len, names), default=0) + (8 if names else 0)
    cell = min(max(CELL, WHOLE // 2 // n), LARGE_CELL) if names else WHOLE / n
    cells = [
        element("path", d=_runs(levels == step), class_=f"step{step}")
        for step in range(-1, STEPS)
        if (levels == step).any()
    ]
    texts = [
        element("text", name, x=left - 8, y=f"{(i + 0.5) * cell + 4:g}", class_="name") for i, name in enumerate(names)
    ]
    across = element("g", *cells, transform=f"translate({left} 0) scale({cell:g})")
    wide, high = left + n * cell, n * cell
    about = {"role": "img", "aria_label": f"distances between {n} ingredients"}
    return element("svg", *texts, across, viewBox=f"0 0 {wide:g} {high:g}", width=f"{wide:g}", class_="map", **about)


def _levels(matrix: Float64[np.ndarray, "n n"]) -> np.ndarray:
    """The step of each distance, by its rank among all; -1 for those that are unknown, 0 on the diagonal."""
    away = matrix[~np.eye(len(matrix), dtype=bool) & np.isfinite(matrix)]
    edges = np.quantile(away, np.arange(1, STEPS - 1) / (STEPS - 1)) if away.size else np.zeros(STEPS - 2)
    levels = 1 + np.searchsorted(edges, np.nan_to_num(matrix), side="left")
    levels[np.eye(len(matrix), dtype=bool)] = 0
    levels[~np.isfinite(matrix)] = -1
    return np.asarray(levels)


def _runs(mask: np.ndarray) -> str:
    """The cells of a mask as horizontal strokes, one for each run of neighbours."""
    parts = []
    for y, line in enumerate(mask):
        edges = np.flatnonzero(np.diff(np.concatenate([[False], line, [False]]).astype(np.int8)))
        parts += [f"M{x} {y}.5h{end - x}" for x, end in edges.reshape(-1, 2).tolist()]
    return "".join(parts)
