"""Redundant rivals: the winner of every recipe stays, and what others dominate goes."""

import numpy as np
import pytest
from helpers.surrogate_oracle import hard

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate.dominance import irredundant
from radin.scoring.surrogate.screening import Candidates, Settler


def candidates(values, places=1, classes=None):
    """One sample whose rivals have these logits `[n, r]`; the label's are 0."""
    n, r = values.shape
    return Candidates(
        samples=np.array([0]),
        places=np.array([places]),
        owner=np.zeros(r, dtype=np.int64),
        classes=np.arange(r) if classes is None else np.array(classes),
        own=np.zeros((n, 1), dtype=values.dtype),
        rivals=values,
    )


VALUES = np.array([[3, 1, 2, -5], [1, 0, 1, 4]], dtype=np.float32)  # class 0 is above 1 and 2, class 3 is apart


@pytest.mark.parametrize(("places", "kept"), [(1, [0, 3]), (2, [0, 2, 3]), (3, [0, 1, 2, 3])])
def test_a_rival_stays_while_fewer_than_the_places_dominate_it(places, kept):
    assert sorted(irredundant(candidates(VALUES, places), np.array([9])).tolist()) == kept


def test_of_equal_rivals_the_lowest_class_stays():
    equal = np.ones((2, 3), dtype=np.float32)
    assert irredundant(candidates(equal), np.array([9])).tolist() == [0]
    # a class above the label loses ties that one below it wins, so the one below dominates
    assert irredundant(candidates(equal, classes=[4, 7, 8]), np.array([5])).tolist() == [0]


@pytest.mark.parametrize("name", ["correlated", "whole numbers", "few dominate"])
def test_the_first_rival_of_every_recipe_stays(name):
    rng, logits, labels = hard(name, np.float32, (12, 8, 6))
    found = Settler(LogitBank.from_arrays(logits, labels), labels, 1, 8).settle(0, 8, np.zeros(8, dtype=bool))
    kept = irredundant(found, labels[found.samples])
    weights = rng.random((200, 12))
    for sample in range(len(found.samples)):
        all_of, left = np.flatnonzero(found.owner == sample), kept[found.owner[kept] == sample]
        sums = weights @ found.rivals.astype(np.float64)
        np.testing.assert_array_equal(sums[:, all_of].max(axis=1), sums[:, left].max(axis=1))
    assert (np.diff(found.owner[kept]) >= 0).all()
