"""Recipes of a shortlist are verified in its order, unless some are left out or soups have a say."""

from dataclasses import replace
from pathlib import Path

import pytest
from helpers.small import task

import radin
from radin.evaluation.verification import LEAST, in_order, trimmed, verify_best, without
from radin.evaluation.verifier import Verifier
from radin.testing import ToyObjective


@pytest.fixture(scope="module")
def shortlist() -> radin.Shortlist:
    return radin.search("exhaustive", ToyObjective(5), radin.Budget(candidates=100), top=8)


def test_the_order_is_that_of_the_shortlist(shortlist: radin.Shortlist) -> None:
    found = radin.search(in_order(shortlist), ToyObjective(5, "soup"), radin.Budget(soups=5), top=5)
    proposed = [one.recipe for one in sorted(found, key=lambda one: one.number)]
    assert proposed == [one.recipe for one in shortlist][:5]


def test_several_at_once_keep_the_order(shortlist: radin.Shortlist) -> None:
    objective = ToyObjective(5, "soup")
    found = radin.search(in_order(shortlist, at_once=3), objective, radin.Budget(soups=5), top=5)
    proposed = [one.recipe for one in sorted(found, key=lambda one: one.number)]
    assert proposed == [one.recipe for one in shortlist][:5]


def test_soups_side_by_side_have_the_scores_of_one_at_a_time(checkpoints: list[Path], tmp_path: Path) -> None:
    listed, called = {}, {1: [], 2: []}
    for at_once in (1, 2):
        crew = radin.Workers(count=2, at_once=at_once)
        folder = tmp_path / str(at_once)
        with radin.Verifier(radin.Pool(checkpoints), task(), folder) as verifier:
            verifier.at_once = crew.at_once  # in this process: what is side by side is up to the executor
            surrogate = radin.Surrogate(verifier.bank)
            found = radin.search("exhaustive", surrogate, radin.Budget(candidates=100), top=6)
            score = Verifier.__call__

            def counted(verifier, weights, /, calls=called[at_once], score=score):
                calls.append(len(weights))
                return score(verifier, weights)

            with pytest.MonkeyPatch.context() as patch:
                patch.setattr(Verifier, "__call__", counted)
                verified = verify_best(found, verifier, surrogate, radin.Budget(soups=3), learns=False)
            listed[at_once] = [(one.recipe, one.score) for one in verified]
    assert listed[1] == listed[2]
    assert called == {1: [1, 1, 1], 2: [2, 1]}


def test_recipes_that_are_left_out_make_room_for_the_next(shortlist: radin.Shortlist) -> None:
    best = [one.recipe for one in shortlist]
    kept = without(shortlist, [best[0], best[2]], 3)
    assert [one.recipe for one in kept] == [best[1], best[3], best[4]]
    assert (kept.charged, kept.searcher) == (shortlist.charged, shortlist.searcher)


def test_weights_that_do_nothing_are_dropped(shortlist: radin.Shortlist) -> None:
    names, first = shortlist[0].recipe.names, shortlist[0]
    given = [
        (0.5, 0.5 - LEAST / 2, LEAST / 2, 0.0, 0.0),
        (0.5, 0.5 - LEAST / 4, LEAST / 4, 0.0, 0.0),  # another one that nearly is the same
        (1.0 - LEAST / 2, LEAST / 2, 0.0, 0.0, 0.0),  # an ingredient
        (0.6, 0.4 - 2 * LEAST, 2 * LEAST, 0.0, 0.0),
    ]
    candidates = tuple(replace(first, recipe=radin.Recipe(names, one)) for one in given)
    kept = [one.recipe for one in trimmed(replace(shortlist, candidates=candidates))]
    assert kept[0].size == 2 and kept[-1] == candidates[3].recipe and len(kept) < len(given)
    assert all(weight == 0 or weight >= LEAST for one in kept for weight in one.weights)
    assert kept[0].weights == pytest.approx((0.5, 0.5, 0, 0, 0), abs=LEAST)
    assert all(one.size > 1 for one in kept)
    assert trimmed(shortlist) == shortlist


@pytest.mark.parametrize("learns", [False, True])
def test_soups_are_charged_up_to_b_and_the_best_comes_first(
    checkpoints: list[Path], tmp_path: Path, learns: bool
) -> None:
    with radin.Verifier(radin.Pool(checkpoints), task(), tmp_path / "run") as verifier:
        surrogate = radin.Surrogate(verifier.bank)
        found = radin.search("exhaustive", surrogate, radin.Budget(candidates=100), top=6)
        verified = verify_best(found, verifier, surrogate, radin.Budget(soups=3), learns=learns)
        assert (verified.charged, verifier.ledger.count("soup")) == (3, 3)
        assert min(verified, key=lambda one: one.number).recipe == found[0].recipe
        assert {one.recipe for one in verified} <= {one.recipe for one in found}
        late = replace(found, seconds=100.0)
        assert verify_best(late, verifier, surrogate, radin.Budget(soups=3, seconds=1.0), learns=learns).charged <= 1
