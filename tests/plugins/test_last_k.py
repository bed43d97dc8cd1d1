"""The last k ingredients, for every k."""

import pytest
from helpers.objectives import Additive

import radin


@pytest.mark.parametrize("n", [1, 2, 6])
def test_every_k_is_proposed_in_ascending_order(n):
    found = radin.search("last-k", Additive([1.0] * n), top=100)
    assert found.charged == found.proposed == n
    in_turn = [one.recipe.members for one in sorted(found, key=lambda one: one.number)]
    assert in_turn == [tuple(range(n - k, n)) for k in range(2, n + 1)]


def test_k_is_chosen_by_the_score():
    found = radin.search("last-k", Additive([0.0, 0.0, 4.0, 4.0, 4.0], bonus=0.1), top=1)
    assert found[0].recipe.members == (2, 3, 4)


def test_on_real_soups_it_takes_one_less_than_there_are_ingredients():
    found = radin.search("last-k", Additive([1.0] * 5, unit="soup"), radin.Budget(soups=2))
    assert (found.charged, found.stopped) == (2, "budget")
    assert radin.search("last-k", Additive([1.0] * 5, unit="soup"), radin.Budget(soups=None)).charged == 4
