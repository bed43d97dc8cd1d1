"""Windows: every run of consecutive ingredients, and nothing else."""

import pytest
from helpers.objectives import Additive

import radin


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_every_window_is_proposed_once_the_late_ones_first(n):
    objective = Additive([1.0] * n)
    found = radin.search("windows", objective, top=100)
    assert found.charged == found.proposed == n * (n + 1) // 2
    expected = {tuple(range(i, j)) for i in range(n) for j in range(i + 2, n + 1)}
    assert {one.recipe.members for one in found} == expected
    if n > 1:
        first = min(found, key=lambda one: one.number)
        assert first.recipe.members == (n - 2, n - 1)


def test_the_best_window_wins():
    found = radin.search("windows", Additive([0.0, 3.0, 3.0, 3.0, 0.0, 1.0], bonus=0.1), top=1)
    assert found[0].recipe.members == (1, 2, 3)


def test_on_real_soups_single_ingredients_are_free():
    found = radin.search("windows", Additive([1.0] * 4, unit="soup"), radin.Budget(soups=None))
    assert found.charged == 6
