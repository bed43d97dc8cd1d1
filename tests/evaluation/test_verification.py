"""Which recipes of a shortlist are built: in order, without those that are run in any case, within the budget."""

from pathlib import Path

import pytest
from helpers.small import task

import radin
from radin.evaluation.verification import in_order, verify_best, without


@pytest.fixture
def verifier(checkpoints: list[Path], tmp_path: Path):
    with radin.Verifier(radin.Pool(checkpoints), task(), tmp_path / "run") as opened:
        yield opened


def test_recipes_that_are_run_in_any_case_take_none_of_the_budget(verifier: radin.Verifier) -> None:
    surrogate = radin.Surrogate(verifier.bank)
    shortlist = radin.search("exhaustive", surrogate, top=6)
    first, second, third, *_ = (one.recipe for one in shortlist)
    left = without(shortlist, [second], top=3)
    assert [one.recipe for one in left] == [first, third, shortlist[3].recipe]
    assert left.charged == shortlist.charged
    found = verify_best(left, verifier, surrogate, radin.Budget(soups=2), learns=False)
    assert {one.recipe for one in found} == {first, third}
    assert verifier.ledger.count("soup") == 2


def test_in_order_proposes_one_recipe_after_the_other(verifier: radin.Verifier) -> None:
    shortlist = radin.search("exhaustive", radin.Surrogate(verifier.bank), top=3)
    found = radin.search(in_order(shortlist), verifier, radin.Budget(soups=None))
    assert [one.recipe for one in sorted(found, key=lambda one: one.number)] == [one.recipe for one in shortlist]
