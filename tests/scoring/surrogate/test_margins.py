"""Live margins: all that is dropped is dropped soundly, and what is kept decides every recipe."""

import numpy as np
import pytest
from helpers.surrogate_oracle import CASES, SHAPES, as_weights, hard, masks, mixtures, winners

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate.margins import prepare
from radin.scoring.surrogate.undecided import decide


@pytest.mark.parametrize("top", [1, 2])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_what_is_kept_decides_every_recipe(name, dtype, shape, top):
    rng, logits, labels = hard(name, dtype, shape)
    live = prepare(LogitBank.from_arrays(logits, labels), top)
    for rows in (masks(rng, 5, shape[0]), mixtures(rng, 5, shape[0])):
        weights = as_weights(rows)
        found = np.tile(live.right, (len(rows), 1))
        samples, recipes = (one.ravel() for one in np.indices((len(live.samples), len(rows))))
        found[recipes, live.samples[samples]] = decide(live, samples, recipes, weights)
        np.testing.assert_array_equal(found, winners(logits, labels, weights, top))


def test_samples_that_no_recipe_changes_are_not_kept():
    logits = np.zeros((3, 4, 3), dtype=np.float32)
    logits[:, 0, 2] = [1, 2, 3]  # right for every recipe
    logits[:, 1, 0] = [1, 2, 3]  # wrong for every recipe: the label is 2
    logits[:, 2, 0] = [1, -2, 3]  # open, against class 0 alone
    logits[:, 2, 1] = -9
    logits[:, 3] = [[5, 4, 3], [-5, -6, 0], [0, 0, 0]]  # class 1 is never above class 0
    live = prepare(LogitBank.from_arrays(logits, np.array([2, 2, 2, 2])))
    assert live.right.tolist() == [True, False, False, False]
    assert live.samples.tolist() == [2, 3]
    assert np.diff(live.starts).tolist() == [1, 1]
    assert live.rivals.tolist() == [[1, -2, 3], [5, -5, 0]]
    assert live.own.tolist() == [[0, 0, 0], [3, 0, 0]]
    assert live.places.tolist() == [1, 1]
    assert live.wins_ties.tolist() == [False, False]
    assert live.nbytes == live.own.nbytes + live.rivals.nbytes


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_logits_are_kept_as_they_are_stored(dtype):
    _, logits, labels = hard("correlated", dtype, (5, 12, 4))
    live = prepare(LogitBank.from_arrays(logits, labels))
    assert live.own.dtype == live.rivals.dtype == dtype
    np.testing.assert_array_equal(live.own, logits[:, live.samples, labels[live.samples]].T)
