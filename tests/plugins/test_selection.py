"""Local search, stepwise selection and selection with replacement against their algorithms, written down once more."""

import numpy as np
import pytest
from helpers.objectives import Additive, Capable
from hypothesis import given, settings
from hypothesis import strategies as st

import radin
from radin.recipe import flips_of, swaps_of
from radin.testing import ToyObjective

POOLS = st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=7), st.sampled_from([0.0, 0.3, 0.7]))


class Together(ToyObjective):
    """A toy that scores all neighbours of a subset in one go."""

    def neighbours(self, mask):
        moves = flips_of(mask)
        allowed = moves.any(axis=1)
        scores = np.full(len(mask), -np.inf)
        scores[allowed] = self(moves[allowed])
        return scores


def value(objective, members):
    return objective.value(np.isin(np.arange(len(objective.names)), sorted(members))[None])[0]


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


@settings(deadline=None, max_examples=40)
@given(pool=POOLS, initial=st.integers(0, 3), rounds=st.integers(1, 6))
def test_caruana_is_selection_with_replacement(pool, initial, rounds):
    worth, bonus = pool
    for kind in (Additive, Capable):
        objective = kind(worth, bonus=bonus)
        n, proposed = len(worth), set()
        order = sorted(range(n), key=lambda i: -objective.solo[i])
        counts = [int(i in order[:initial]) for i in range(n)]
        for _ in range(rounds):
            trials = {i: [c + (i == j) for j, c in enumerate(counts)] for i in order}
            scores = {i: objective.value(np.array([t]) / sum(t))[0] for i, t in trials.items()}
            proposed |= {tuple(np.round(np.array(t) / sum(t), 12)) for t in trials.values()}
            counts = trials[max(trials, key=scores.__getitem__)]
        options = {"initial": initial, "rounds": rounds}
        found = radin.search("caruana", objective, options=options, top=1000)
        listed = {tuple(np.round(one.recipe.weights, 12)) for one in found}
        assert listed == {weights for weights in proposed if sum(w > 0 for w in weights) > 1}


def test_caruana_on_the_surrogate_finds_unequal_weights():
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=300)
    common = rng.normal(size=(300, 4)) + 1.5 * (np.arange(4) == labels[:, None])
    logits = [common + rng.normal(size=(300, 4)) * (0.6 + 0.3 * i) for i in range(6)]
    surrogate = radin.Surrogate(radin.LogitBank.from_arrays(logits, labels), "nll")
    best = radin.search("caruana", surrogate)[0]
    assert not best.recipe.is_subset
    assert best.score == surrogate(np.array([best.recipe.weights]))[0]
    assert best.score > radin.search("exhaustive", surrogate)[0].score


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("unit", ["candidate", "soup"])
def test_local_search_ends_where_no_move_improves(unit, exchange):
    options = {"starts": 2, "exchange": exchange}
    for seed in range(4):
        toy = ToyObjective(10, unit, seed)
        found = radin.search("local-search", toy, radin.Budget(soups=1000), options=options)
        best = found[0].recipe.row
        assert best.sum() > 2  # so that no neighbour is a single ingredient
        assert (toy.value(flips_of(best)) <= found[0].score + 1e-12).all()
        if exchange:
            assert (toy.value(swaps_of(best)) <= found[0].score + 1e-12).all()
        together = radin.search("local-search", Together(10, unit, seed), radin.Budget(soups=1000), options=options)
        assert found.charged <= together.charged  # scoring neighbours together includes single ingredients
        assert together[0].recipe == found[0].recipe
        assert found.stopped == "finished"


@pytest.mark.parametrize("seed", range(5))
def test_local_search_finds_the_optimum_of_a_small_pool(seed):
    objective = ToyObjective(14, seed=seed)
    optimum = radin.search("exhaustive", objective, top=1)
    found = radin.search("local-search", objective, radin.Budget(candidates=4000), seed=seed, top=1)
    assert found[0].score == pytest.approx(optimum[0].score, abs=1e-12)
    assert found.charged == 4000
