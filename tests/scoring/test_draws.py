"""Draws are those of their seed, of the right number, and undefined values are left out up to a half."""

import numpy as np
import pytest

from radin.errors import InputError
from radin.scoring.draws import defined_values, exchange_masks, resample_counts, resample_rows


def test_a_resample_has_as_many_groups_as_there_are():
    counts = np.concatenate(list(resample_counts(7, 50, 3)))
    assert counts.shape == (50, 7)
    assert (counts.sum(axis=1) == 7).all()
    drawn = np.random.default_rng(3).integers(7, size=(50, 7))
    np.testing.assert_array_equal(counts[4], np.bincount(drawn[4], minlength=7))


def test_rows_are_drawn_as_one_resample_after_the_other():
    rng = np.random.default_rng(3)
    one_by_one = [rng.integers(7, size=7) for _ in range(50)]
    np.testing.assert_array_equal(np.concatenate(list(resample_rows(7, 50, 3))), one_by_one)


def test_draws_come_some_at_a_time():
    assert [len(block) for block in resample_rows(1 << 18, 5, 0)] == [2, 2, 1]
    blocks = [len(block) for block in exchange_masks(1 << 21, 5, 0)]
    assert blocks == [2, 2, 1]


def test_an_exchange_is_of_each_group_or_not():
    masks = np.concatenate(list(exchange_masks(9, 40, 1)))
    assert masks.shape == (40, 9)
    assert set(np.unique(masks)) == {0, 1}
    np.testing.assert_array_equal(masks, np.random.default_rng(1).integers(2, size=(40, 9)))


def test_undefined_values_are_left_out():
    values = np.array([1.0, np.nan, 3.0, np.nan])
    assert defined_values(values, "auc", "4 samples").tolist() == [1, 3]
    with pytest.raises(InputError, match=r"'auc'.*5 samples"):
        defined_values(np.append(values, np.nan), "auc", "5 samples")
