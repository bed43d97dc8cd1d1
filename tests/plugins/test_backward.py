"""Backward elimination against its algorithm, written down once more."""

import numpy as np
import pytest
from helpers.objectives import Additive, Together, value

import radin
from radin.testing import ToyObjective


def steepest(objective):
    soup = set(range(len(objective.names)))
    while len(soup) > 2:
        best = max([soup - {i} for i in sorted(soup)], key=lambda s: value(objective, s))
        if not value(objective, best) > value(objective, soup):
            break
        soup = best
    return soup


def pruned(objective):
    """Rounds from the worst ingredient to the best; each leaves for good iff the soup gets better."""
    n = len(objective.names)
    order = sorted(range(n), key=lambda i: (-objective.solo[i], i))[::-1]
    soup, before = set(range(n)), None
    while soup != before:
        before = set(soup)
        for i in order:
            if i in soup and len(soup) > 2 and value(objective, soup - {i}) > value(objective, soup):
                soup -= {i}
    return soup


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", [ToyObjective, Together])
@pytest.mark.parametrize(("order", "by_hand"), [("steepest", steepest), ("worst-first", pruned)])
def test_backward_is_backward_elimination(seed, kind, order, by_hand):
    found = radin.search("backward", kind(11, seed=seed), options={"order": order}, top=1)
    assert (set(found[0].recipe.members), found.stopped) == (by_hand(ToyObjective(11, seed=seed)), "finished")


def test_on_real_soups_worst_first_takes_n_of_them_a_round():
    worth = [3.0, 1.0, 2.0, 3.0, 0.0]
    objective = Additive(worth, unit="soup")
    found = radin.search("backward", objective, radin.Budget(soups=None), options={"order": "worst-first"}, top=1)
    assert found[0].recipe.members == (0, 3)
    tried = [tuple(np.flatnonzero(np.frombuffer(row, dtype=bool)).tolist()) for row in objective.asked]
    assert tried == [(0, 1, 2, 3, 4), (0, 1, 2, 3), (0, 2, 3), (0, 3)]


@pytest.mark.parametrize("order", ["steepest", "worst-first"])
def test_it_stops_at_a_soup_of_two(order):
    found = radin.search("backward", Additive([5.0, 0.0, 0.0, 0.0]), options={"order": order}, top=1)
    assert found[0].recipe.size == 2
