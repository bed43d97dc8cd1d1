"""Proposals as coefficients, and as steps from a subset."""

import numpy as np

from radin.scoring.moves import flips, swaps
from radin.scoring.surrogate.scorer import coefficients_of, steps_of


def test_weights_of_a_subset_count_as_the_subset():
    mask = np.array([[True, False, True]])
    assert coefficients_of(mask).tolist() == [[1, 0, 1]]
    assert coefficients_of(np.array([[0.5, 0, 0.5], [0.25, 0, 0.75]])).tolist() == [[1, 0, 1], [0.25, 0, 0.75]]


def test_steps_are_the_members_that_leave_and_come_in():
    mask = np.array([True, False, True])
    assert steps_of(mask, flips(mask).all()).tolist() == [[0, -1], [-1, 1], [2, -1]]
    assert sorted(steps_of(mask, swaps(mask).all()).tolist()) == [[0, 1], [2, 1]]
