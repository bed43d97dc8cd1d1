"""The matrix has a dot for each weight, and a speck elsewhere."""

import re

from radin.report.entries import Network
from radin.report.page.matrix import LARGEST, matrix, recipe_cells
from radin.report.record import Record


def test_ingredients_stand_by_their_own_value(record: Record) -> None:
    made = matrix(record, {})
    assert [name for name, _, _ in made.rows] == [next(iter(one.recipe)) for one in record.ingredients]
    soups = [one for one in record.leaderboard if one.is_soup]
    assert len(made.heads) == len(made.values) == len(soups) >= 4
    for (name, _, cells), (place, soup) in [(one, each) for one in made.rows for each in enumerate(soups)]:
        assert ('class="soup"' in cells[place]) == (name in soup.recipe)


def test_areas_are_weights() -> None:
    cells = recipe_cells("a", [Network({"a": 0.8, "b": 0.2}, 0.0, 0.0), Network({"a": 0.2, "b": 0.8}, 0.0, 0.0)])
    radii = [float(re.findall(r' r="([\d.]+)"', cell)[0]) for cell in cells]
    assert radii[0] == LARGEST
    assert radii[1] ** 2 / radii[0] ** 2 - 0.25 < 0.01


def test_of_a_large_pool_only_members_are_shown(large: Record) -> None:
    made = matrix(large, {})
    assert (len(made.rows), made.left_out) == (45, 55)
