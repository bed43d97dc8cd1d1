"""Local search: it ends where no move improves, and finds the optimum of small pools."""

import pytest
from helpers.objectives import Together

import radin
from radin.scoring.moves import flips, swaps
from radin.testing import ToyObjective


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("unit", ["candidate", "soup"])
def test_local_search_ends_where_no_move_improves(unit, exchange):
    options = {"starts": 2, "exchange": exchange}
    for seed in range(4):
        toy = ToyObjective(10, unit, seed)
        found = radin.search("local-search", toy, radin.Budget(soups=1000), options=options)
        best = found[0].recipe.row
        assert best.sum() > 2  # so that no neighbour is a single ingredient
        assert (toy.value(flips(best).all()) <= found[0].score + 1e-12).all()
        if exchange:
            assert (toy.value(swaps(best).all()) <= found[0].score + 1e-12).all()
        together = radin.search("local-search", Together(10, unit, seed), radin.Budget(soups=1000), options=options)
        assert found.charged <= together.charged  # scoring neighbours together includes single ingredients
        assert together[0].recipe == found[0].recipe
        assert found.stopped == "finished"


@pytest.mark.parametrize("seed", range(5))
def test_local_search_finds_the_optimum_of_a_small_pool(seed):
    objective = ToyObjective(12, seed=seed)
    optimum = radin.search("exhaustive", objective, top=1)
    found = radin.search("local-search", objective, radin.Budget(candidates=1500), seed=seed, top=1)
    assert found[0].score == pytest.approx(optimum[0].score, abs=1e-12)
    assert found.charged == 1500
