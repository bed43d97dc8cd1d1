"""Recipes as a matrix: ingredients by their own value, soups side by side, a dot for each weight."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from radin.common.wording import decimal
from radin.report.entries import Network
from radin.report.page.charts import SOUPS
from radin.report.page.svg import element, title
from radin.report.record import Record

#: Ingredients that are all shown; of larger pools only members of soups are.
WHOLE_POOL = 40

#: Pixels of a cell, and radius of the largest dot.
CELL, LARGEST = 22, 8.5


@dataclass(frozen=True)
class Matrix:
    """Recipes as rows of dots.

    Attributes:
        heads: the soups' places on the leaderboard.
        values: their values, in words.
        rows: for each ingredient its name, its own value, and a cell for each soup.
        left_out: ingredients that are in no soup and not shown.
    """

    heads: list[str]
    values: list[str]
    rows: list[tuple[str, str, list[Markup]]]
    left_out: int


def matrix(record: Record, names: Mapping[str, str]) -> Matrix:
    """The best soups of a run with their members.

    Arguments:
        record: of the run.
        names: short forms of names.
    """
    soups = [(place, one) for place, one in enumerate(record.leaderboard, 1) if one.is_soup][:SOUPS]
    used = {name for _, one in soups for name in one.recipe}
    singles = [(next(iter(one.recipe)), one.value) for one in record.ingredients]
    shown = [one for one in singles if len(singles) <= WHOLE_POOL or one[0] in used]
    networks = [one for _, one in soups]
    rows = [(names.get(name, name), decimal(value), recipe_cells(name, networks)) for name, value in shown]
    heads, values = [str(place) for place, _ in soups], [decimal(one.value) for _, one in soups]
    return Matrix(heads, values, rows, len(singles) - len(shown))


def recipe_cells(name: str, networks: Sequence[Network]) -> list[Markup]:
    """The weights of one ingredient in several networks, as cells of one row."""
    largest = max((weight for one in networks for weight in one.recipe.values()), default=1.0)
    return [_cell(one.recipe.get(name, 0.0), largest, name) for one in networks]


def _cell(weight: float, largest: float, name: str) -> Markup:
    """A dot whose area is the weight; a speck where the ingredient is no member."""
    centre = CELL / 2
    if weight == 0:
        mark = element("circle", cx=centre, cy=centre, r=1, class_="absent")
    else:
        radius = max(LARGEST * math.sqrt(weight / largest), 1.8)
        mark = element("circle", title(f"{name}: {weight:.4g}"), cx=centre, cy=centre, r=f"{radius:.2f}", class_="soup")
    label = {"role": "img", "aria_label": f"weight {weight:.4g}"}
    return element("svg", mark, width=CELL, height=CELL, **label)
