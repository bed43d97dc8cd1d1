"""The order of samples in a race, the rows that they hold, and errors by groups."""

import numpy as np
import pytest
from helpers.racing import labels_of
from hypothesis import given, settings
from hypothesis import strategies as st

from radin.evaluation.race_rows import SeenRows, race_order
from radin.scoring.kinds import CLASSES, Positions
from radin.scoring.kinds.classes import IGNORED


@given(st.integers(2, 300), st.integers(1, 7), st.integers(0, 5))
@settings(max_examples=50, deadline=None)
def test_every_beginning_of_the_order_is_stratified(rows, classes, seed):
    labels = labels_of(rows, classes, seed)
    order = race_order(labels, seed)
    assert sorted(order.tolist()) == list(range(rows))
    counts = np.bincount(labels, minlength=classes)
    for k in range(1, rows + 1):
        seen = np.bincount(labels[order[:k]], minlength=classes)
        assert (np.abs(seen - k * counts / rows) < classes + 1).all()


def test_groups_follow_one_another_whole_in_an_order_of_their_own():
    groups = np.random.default_rng(0).integers(40, size=300)
    order = race_order(np.zeros(300, dtype=np.int64), 3, groups)
    assert sorted(order.tolist()) == list(range(300))
    assert np.count_nonzero(np.diff(groups[order])) == len(np.unique(groups)) - 1
    turned = np.random.default_rng(1).permutation(300)
    again = race_order(np.zeros(300, dtype=np.int64), 3, groups[turned])
    assert np.array_equal(groups[turned][again], groups[order])
    assert not np.array_equal(groups[race_order(np.zeros(300, dtype=np.int64), 4, groups)], groups[order])


def test_rows_are_samples_or_the_labelled_positions_of_samples():
    labels = np.array([[2, IGNORED], [0, 1], [IGNORED, IGNORED]])
    outputs = np.arange(18, dtype=np.float32).reshape(3, 2, 3)
    seen = SeenRows.of(Positions(width=2), labels, None)
    assert seen.labels.tolist() == [2, 0, 1] and seen.groups is not None and seen.groups.tolist() == [0, 1, 1]
    assert seen.outputs(outputs)[:, 0].tolist() == [0, 6, 9]
    assert seen.outputs(outputs, np.array([2]))[:, 0].tolist() == [9]
    assert SeenRows.of(Positions(width=2), labels, np.array([7, 7, 3])).n_groups == 1
    plain = SeenRows.of(CLASSES, np.array([1, 0, 2]), None)
    assert (len(plain), plain.n_groups) == (3, 3)
    assert np.array_equal(plain.outputs(outputs[:, 0], np.array([1, 2])), outputs[1:, 0])


def test_errors_are_those_of_sums_over_groups():
    rng = np.random.default_rng(0)
    numbers, labels = rng.normal(size=(2, 50)), np.zeros(50, dtype=np.int64)
    alone = SeenRows.of(CLASSES, labels, None).standard_errors(numbers)
    np.testing.assert_allclose(alone, numbers.std(axis=1, ddof=1) / np.sqrt(50))
    ones = SeenRows.of(CLASSES, labels, rng.permutation(50)).standard_errors(numbers)
    np.testing.assert_allclose(ones, alone)
    fourfold = SeenRows.of(CLASSES, np.repeat(labels, 4), np.repeat(np.arange(50), 4))
    np.testing.assert_allclose(fourfold.standard_errors(np.repeat(numbers, 4, axis=1)), alone)


def test_errors_of_groups_of_several_sizes_are_those_of_resampled_groups():
    rng = np.random.default_rng(1)
    groups = np.repeat(np.arange(200), rng.integers(1, 12, size=200))
    numbers = rng.normal(size=200)[groups] + rng.normal(size=len(groups))
    found = SeenRows.of(CLASSES, np.zeros(len(groups), dtype=np.int64), groups).standard_errors(numbers[None])
    sums, sizes = (np.bincount(groups, weights=one) for one in (numbers, np.ones(len(groups))))
    drawn = rng.integers(200, size=(4_000, 200))
    assert found[0] == pytest.approx((sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)).std(), rel=0.05)
