"""The account of a search: when it is over, and whose fault a failure is."""

import contextlib

import numpy as np
import pytest
from helpers.objectives import Additive, Capable, propose, subsets

import radin
from radin.errors import StorageError
from radin.scoring.objective import Unit

MIXTURE = [0.7, 0.3]


@pytest.mark.parametrize("unit", ["candidate", "soup"])
@pytest.mark.parametrize(
    "first",
    [
        [subsets(2, (0,), (1,)), subsets(2, (0, 1))],
        [np.eye(2), np.full((1, 2), 0.5)],
        [subsets(2, (0,), (1,), (0, 1))],
        [subsets(2, (0,), (1,), (0, 1)), np.full((1, 2), 0.5)],
    ],
    ids=["masks", "weights", "one batch", "nothing new in between"],
)
def test_mixtures_are_scored_after_every_subset_was(unit: Unit, first: list) -> None:
    result = radin.search(propose(*first, [MIXTURE]), Additive((1.0, 0.5), unit=unit))
    assert (result.charged, result.stopped) == (4 if unit == "candidate" else 2, "finished")
    assert result[0].recipe.weights == (0.7, 0.3)


def test_a_searcher_of_subsets_ends_when_it_has_seen_them_all() -> None:
    def tireless(problem: radin.Problem) -> radin.Proposals:
        yield problem.numbered_subsets(1, 8)
        asked.append("again")
        while True:
            yield problem.random_subsets(3)
            asked.append("once more")

    asked: list[str] = []
    result = radin.search(tireless, Additive((0.1, 0.2, 0.3)))
    assert (result.charged, result.stopped, asked) == (7, "exhausted", ["again"])


def test_a_searcher_of_weights_that_are_subsets_is_left_to_the_rule_on_stalling() -> None:
    def hopeful(problem: radin.Problem) -> radin.Proposals:
        while True:
            yield np.full((1, problem.n), 1 / problem.n)

    assert radin.search(hopeful, Additive([0.5])).stopped == "stalled"


@pytest.mark.parametrize("within", ["an ability", "a batch"])
def test_a_ledger_or_a_display_that_fails_is_not_the_searcher_s_fault(within: str) -> None:
    class Display:
        def stage(self, name: str, total: int | None, unit: str):
            return contextlib.nullcontext(self.advance)

        def advance(self, count: int) -> None:
            raise StorageError(28, "the disk is full")

    def asks(problem: radin.Problem) -> radin.Proposals:
        mask = subsets(4, (0, 1))
        if within == "an ability":
            problem.neighbours(mask[0])
        yield mask

    with pytest.raises(StorageError, match="the disk is full"):
        radin.search(asks, Capable((0.5, 0.9, 0.1, 0.7)), progress=Display())
