"""Stepwise selection against its algorithm, written down once more."""

import numpy as np
import pytest
from helpers.objectives import Additive, Together, value

import radin
from radin.testing import ToyObjective


def stepwise(objective, removal):
    n = len(objective.names)
    soup = {int(objective.solo.argmax())}
    while True:
        more = [soup | {i} for i in range(n) if i not in soup]
        best = max(more, key=lambda s: value(objective, s), default=soup)
        if len(soup) > 1 and not value(objective, best) > value(objective, soup):
            return soup
        soup = best
        while removal and len(soup) > 2:
            best = max([soup - {i} for i in sorted(soup)], key=lambda s: value(objective, s))
            if not value(objective, best) > value(objective, soup):
                break
            soup = best


@pytest.mark.parametrize("removal", [True, False])
@pytest.mark.parametrize("seed", range(6))
def test_forward_is_stepwise_selection(seed, removal):
    toy, together = ToyObjective(11, seed=seed), Together(11, seed=seed)
    soup = stepwise(toy, removal)
    found = radin.search("forward", toy, options={"removal": removal}, top=1)
    assert (set(found[0].recipe.members), found.stopped) == (soup, "finished")
    # Scoring neighbours together also scores those that were not asked for.
    found = radin.search("forward", together, options={"removal": removal}, top=1000)
    assert soup in [set(one.recipe.members) for one in found]
    if removal:
        assert set(found[0].recipe.members) == soup


def test_removal_takes_out_what_was_good_only_at_first():
    class Pair(Additive):
        """The first ingredient is the best alone, and spoils the pair of the others."""

        def value(self, weights):
            table = {"100": 3, "010": 2, "001": 1, "110": 4, "101": 3, "111": 5, "011": 6}
            return np.array([table["".join(str(int(w > 0)) for w in row)] for row in np.asarray(weights)], dtype=float)

    pair = Pair([3.0, 2.0, 1.0])
    assert radin.search("forward", pair)[0].score == 6
    assert radin.search("forward", pair, options={"removal": False})[0].score == 5
