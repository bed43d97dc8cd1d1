"""What a searcher is handed."""

from contextlib import suppress

import numpy as np
import pytest
from helpers.objectives import Additive
from hypothesis import given
from hypothesis import strategies as st
from radin_plugins.last_k import last_k
from radin_plugins.local_search import local_search
from radin_plugins.windows import windows

import radin
import radin.scoring.moves
from radin.errors import InputError
from radin.searching.abilities import Abilities
from radin.searching.account import Account
from radin.searching.problem import Problem


def problem_of(n, seed=0):
    objective = Additive(np.arange(n))
    account = Account(objective, None, None, 0.0, lambda account: None)
    return Problem(account.names, account.solo, np.random.default_rng(seed), Abilities(objective, account))


@given(n=st.integers(1, 130), k=st.integers(0, 20), p=st.floats(0, 1), seed=st.integers(0, 9))
def test_random_subsets_are_never_empty(n, k, p, seed):
    masks = problem_of(n, seed).random_subsets(k, p)
    assert masks.shape == (k, n) and masks.dtype == bool and masks.any(axis=1).all()


@pytest.mark.parametrize("p", [0.0, 1e-12, 0.2, 0.5, 0.9, 1.0])
def test_random_subsets_follow_independent_choices_given_that_one_is_chosen(p):
    n, k = 3, 40_000
    masks = problem_of(n).random_subsets(k, p)
    counts = np.bincount(masks @ [1, 2, 4], minlength=8) / k
    bits = np.array([[m >> i & 1 for i in range(n)] for m in range(8)])
    expected = (np.float64(p) ** bits * np.float64(1 - p) ** (1 - bits)).prod(axis=1)
    expected[0] = 0
    expected = expected / expected.sum() if p > 0 else np.array([0, 1, 1, 0, 1, 0, 0, 0]) / 3
    np.testing.assert_allclose(counts, expected, atol=5 * 0.5 / np.sqrt(k))  # five standard errors


def test_random_subsets_refuse_what_is_no_probability():
    for p in (-0.1, 1.5, float("nan")):
        with pytest.raises(InputError, match="probability"):
            problem_of(3).random_subsets(2, p)


@given(n=st.integers(2, 70), seed=st.integers(0, 99), size=st.sampled_from([1, 2, None]))
def test_flip_changes_one_ingredient_and_leaves_no_subset_empty(n, seed, size):
    problem = problem_of(n, seed)
    masks = problem.random_subsets(30)
    if size:
        masks = np.arange(n) < size
        masks = np.repeat(masks[None], 30, axis=0)
    before = masks.copy()
    flipped = problem.flip(masks)
    assert ((flipped ^ masks).sum(axis=1) == 1).all() and flipped.any(axis=1).all()
    np.testing.assert_array_equal(masks, before)


def test_flip_of_a_single_ingredient_chooses_any_other_alike():
    masks = np.repeat(np.array([[False, True, False, False]]), 30_000, axis=0)
    chosen = (problem_of(4).flip(masks) ^ masks).mean(axis=0)
    np.testing.assert_allclose(chosen, [1 / 3, 0, 1 / 3, 1 / 3], atol=0.015)


def test_flip_has_nothing_to_do_in_a_pool_of_one():
    assert problem_of(1).flip(np.ones((2, 1), dtype=bool)).tolist() == [[True], [True]]


def test_solo_cannot_be_changed():
    problem = problem_of(3)
    with pytest.raises(ValueError, match="read-only"):
        problem.solo[0] = 9
    assert problem.n == 3 and problem.names == ("m0", "m1", "m2")


@pytest.mark.parametrize("searcher", [last_k, windows, local_search])
def test_searchers_propose_in_parts_what_they_propose_at_once(searcher, monkeypatch):
    """All masks of a large pool at once take the square of its size."""
    rows = []

    def watched(problem):
        proposals, scores = searcher(problem), None
        with suppress(StopIteration):
            while True:
                batch = proposals.send(scores)
                rows.append(len(batch))
                scores = yield batch

    def found():
        rows.clear()
        return radin.search(watched, Additive(np.arange(12) % 5, bonus=0.3), radin.Budget(candidates=150), top=200)

    at_once, most = found(), max(rows)
    monkeypatch.setattr(radin.scoring.moves, "ENTRIES", 12 * 4)
    assert list(found()) == list(at_once)
    assert (most, max(rows)) == (12, 4)


def test_parts_are_all_numbers_in_order():
    problem = problem_of(3)
    assert [part.tolist() for part in problem.in_parts(5)] == [[0, 1, 2, 3, 4]]
    assert list(problem.in_parts(0)) == []
