"""The greedy soup against its algorithm, written down once more."""

import numpy as np
import pytest
from helpers.objectives import Additive
from hypothesis import given, settings
from hypothesis import strategies as st

import radin

GREEDY = radin.searchers()["greedy"]


def greedy_soup(objective, better):
    """Algorithm 1 of Wortsman et al. (2022), by hand; sorted() keeps equal ones in pool order."""
    n = len(objective.names)
    order = sorted(range(n), key=lambda i: -objective.solo[i])
    soup, tried = [order[0]], []
    for i in order[1:]:
        tried.append([*soup, i])
        if better(score_of(objective, [*soup, i]), score_of(objective, soup)):
            soup = [*soup, i]
    return sorted(soup), [sorted(members) for members in tried]


def score_of(objective, members):
    return objective.value(np.isin(np.arange(len(objective.names)), members)[None])[0]


@pytest.mark.parametrize("unit", ["candidate", "soup"])
@pytest.mark.parametrize("accept", ["strict", "ties"])
@settings(deadline=None, max_examples=60)
@given(worth=st.lists(st.integers(0, 4), min_size=2, max_size=9), bonus=st.sampled_from([0.0, 0.3, 0.5, 1.0]))
def test_greedy_is_the_greedy_soup(unit, accept, worth, bonus):
    objective = Additive(worth, unit=unit, bonus=bonus)
    result = radin.search(GREEDY, objective, radin.Budget(soups=20), options={"accept": accept}, top=100)
    better = np.greater if accept == "strict" else np.greater_equal
    soup, tried = greedy_soup(objective, better)
    assert sorted(c.recipe.members for c in result) == sorted(map(tuple, tried))
    assert result.charged == len(objective.asked) == len(worth) - 1 + (unit == "candidate")
    best = max([score_of(objective, members) for members in tried])
    assert result[0].score == best
    if len(soup) > 1:
        assert best == score_of(objective, soup) and tuple(soup) in [c.recipe.members for c in result]


def test_first_score_is_the_one_that_the_objective_gives_a_single_ingredient():
    objective = Additive([1.0, 0.9, 0.95], bonus=0.0)
    plain = objective.value

    def with_prior(weights):
        return plain(weights) + 0.04 * ((np.asarray(weights) > 0).sum(axis=1) - 1)

    objective.value = with_prior
    result = radin.search("greedy", objective, top=1)
    assert result[0].recipe.members == (0, 1, 2)
