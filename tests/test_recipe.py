"""Recipes, and the arrays in which they are exchanged."""

import json
import math
import pickle
import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from radin.errors import InputError
from radin.recipe import Recipe, as_proposals, effective_sizes, mixing_weights, subset_rows

NAMES = ("a", "b", "c", "d")

masks = st.integers(1, 20).flatmap(
    lambda n: arrays(bool, st.tuples(st.integers(1, 6), st.just(n))).map(lambda m: m | (np.arange(n) == 0))
)


@st.composite
def weight_rows(draw):
    n, k = draw(st.integers(1, 20)), draw(st.integers(1, 6))
    parts = draw(arrays(np.float64, (k, n), elements=st.one_of(st.just(0.0), st.floats(1e-6, 1))))
    parts[:, 0] += 1e-3
    return parts / parts.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("n", [1, 2, 6, 7, 10, 13, 49, 1000])
def test_the_uniform_recipe_is_a_subset_of_everything(n):
    recipe = Recipe.uniform([f"m{i}" for i in range(n)])
    assert recipe.is_subset and recipe.size == n and recipe.n_eff == n and recipe.heaviest == 0
    assert recipe.weights == (1 / n,) * n
    assert recipe.row.dtype == bool and recipe.row.all()


def test_members_in_pool_order():
    by_index, by_mask = Recipe.subset(NAMES, [3, 1]), Recipe.subset(NAMES, [False, True, False, True])
    assert by_index == by_mask == Recipe.of(NAMES, [0, 0.5, 0, 0.5])
    assert by_index.members == (1, 3)
    assert by_index.member_names == ("b", "d")
    assert str(by_index) == "b + d"
    assert by_index.to_json() == {"b": 0.5, "d": 0.5}


def test_a_recipe_takes_memory_for_its_members_alone():
    names = tuple(f"m{i}" for i in range(20_000))
    tracemalloc.start()
    singles = [Recipe.subset(names, [i]) for i in range(300)]
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kept < 300 * 1_000  # where weights of all would take 160 kB each
    assert [one.members for one in singles[::100]] == [(0,), (100,), (200,)]
    assert len(singles[7].weights) == 20_000 and singles[7].weights[7] == 1


def test_a_recipe_may_be_sent_without_the_names_of_its_pool():
    names = tuple(f"m{i}" for i in range(2_000))
    recipe = Recipe.of(names, np.random.default_rng(0).dirichlet(np.ones(2_000)))
    sent = Recipe.subset(names, [5, 1_000]).named(())
    assert len(pickle.dumps(sent)) < 300
    assert pickle.loads(pickle.dumps(recipe.named(()))).named(names) == recipe
    assert recipe.parts[:2] == ((0, recipe.weights[0]), (1, recipe.weights[1]))


def test_unequal_weights_say_how_much_of_each():
    recipe = Recipe.of(NAMES, [0.25, 0, 0.75, 0])
    assert not recipe.is_subset
    assert recipe.heaviest == 2
    assert str(recipe) == "0.25 a + 0.75 c"
    assert recipe.n_eff == pytest.approx(1.6)
    assert recipe.row.dtype == np.float64


@given(weight_rows())
def test_json_text_is_exact(rows):
    names = [f"m{i}" for i in range(rows.shape[1])]
    recipe = Recipe.of(names, rows[0])
    assert Recipe.of(names, json.loads(recipe.dumps())) == recipe


def test_names_stand_for_places_in_the_pool():
    assert Recipe.of(NAMES, {"d": 0.25, "b": 0.75}) == Recipe.of(NAMES, [0, 0.75, 0, 0.25])
    assert Recipe.of(NAMES, {"c": 1}) == Recipe.of(NAMES, ["c"]) == Recipe.subset(NAMES, [2])
    assert Recipe.of(NAMES, ("d", "a")) == Recipe.of(NAMES, np.array(["a", "d"])) == Recipe.subset(NAMES, [0, 3])


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([0.5, 0.6, 0, 0], "sum 1.1"),
        ([1.5, -0.5, 0, 0], "smallest -0.5"),
        ([math.nan, 1, 0, 0], "finite"),
        ([math.inf, 0, 0, 0], "finite"),
        ([0.0, 0, 0, 0], "sum 0"),
        ([1, 0, 0, 0], "float"),
        ([0.5, 0.5], r"shape \[k, 4\]"),
        ([False] * 4, "empty subset"),
        (["a", "e"], "no ingredient is called 'e'; known are: a, b, c, d"),
        ({"A": 0.5, "b": 0.5}, "no ingredient is called 'A'; did you mean a?"),
        (["b", "c", "b"], "'b' is listed twice"),
        ({"a": 0.5, "b": 0.6}, "sum 1.1"),
        ({"a": 0.5, "b": "half"}, "expected a number for each name .*'half'"),
        ({}, "sum 0"),
    ],
)
def test_what_is_no_recipe_is_refused(weights, message):
    with pytest.raises(InputError, match=message):
        Recipe.of(NAMES, weights)


def test_names_and_weights_must_match_in_number():
    with pytest.raises(InputError, match="3 names, 2 weights"):
        Recipe(("a", "b", "c"), (0.5, 0.5))
    with pytest.raises(InputError, match="empty subset"):
        Recipe.subset(NAMES, [])
    for members in ([4], [True, False], [0.5]):
        with pytest.raises(InputError, match=r"expected a mask bool\[4\] or indices below 4: "):
            Recipe.subset(NAMES, members)


def test_a_refused_row_is_named():
    with pytest.raises(InputError, match="row 2 is an empty subset"):
        as_proposals(np.array([[1, 0], [1, 1], [0, 0]], dtype=bool), 2)
    with pytest.raises(InputError, match="row 1 is no recipe"):
        as_proposals(np.array([[1, 0], [0.5, 0.6]]), 2)
    for shape in [(2,), (2, 3), (1, 2, 2)]:
        with pytest.raises(InputError, match=r"expected proposals of shape \[k, 2\]"):
            as_proposals(np.ones(shape, dtype=bool), 2)


def test_weights_of_a_float32_softmax_are_brought_to_sum_1():
    logits = np.random.default_rng(0).normal(size=(50, 2000)).astype(np.float32)
    soft = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert soft.dtype == np.float32
    rows = as_proposals(soft, 2000)
    assert rows.dtype == np.float64
    np.testing.assert_allclose(rows.sum(axis=1), 1, rtol=1e-14)


def test_nothing_of_the_caller_is_changed():
    given_rows = np.array([[0.5, 0.5 + 1e-7]])
    before = given_rows.copy()
    as_proposals(given_rows, 2)
    np.testing.assert_array_equal(given_rows, before)


def test_negative_zero_is_zero():
    assert Recipe(("a", "b"), (-0.0, 1.0)) == Recipe(("a", "b"), (0.0, 1.0))
    minus, plus = as_proposals([[-0.0, 0.3, 0.7]], 3), as_proposals([[0.0, 0.3, 0.7]], 3)
    assert minus.tobytes() == plus.tobytes()


@given(masks)
def test_a_subset_written_as_weights_is_the_same_recipe(mask):
    weights = mixing_weights(mask)
    np.testing.assert_allclose(weights.sum(axis=1), 1, rtol=1e-14)
    assert subset_rows(weights).all()
    np.testing.assert_array_equal(as_proposals(weights, mask.shape[1]) > 0, mask)
    np.testing.assert_array_equal(effective_sizes(weights), mask.sum(axis=1))
    np.testing.assert_array_equal(effective_sizes(mask), mask.sum(axis=1))


@given(weight_rows())
def test_effective_size_is_the_inverse_participation(rows):
    by_hand = [1 / sum(w * w for w in row) for row in rows.tolist()]
    np.testing.assert_allclose(effective_sizes(rows), by_hand, rtol=1e-12)
