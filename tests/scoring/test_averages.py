"""Averaged logits of one recipe, against the sum as it is written."""

import numpy as np

import radin
from radin.scoring.averages import averaged

RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(4, 60, 3)).astype(np.float32)


def test_weights_count_and_products_are_not_rounded() -> None:
    bank = radin.LogitBank.from_arrays(LOGITS, RNG.integers(3, size=60))
    recipe = radin.Recipe.of(bank.names, [0.3, 0.5, 0.0, 0.2])
    a, b, _, c = LOGITS.astype(np.float64)
    seen = averaged(recipe, bank)
    np.testing.assert_array_equal(seen, 0.3 * a + 0.5 * b + 0.2 * c)
    assert seen.dtype == np.float64


def test_one_ingredient_is_itself() -> None:
    bank = radin.LogitBank.from_arrays(LOGITS, RNG.integers(3, size=60))
    np.testing.assert_array_equal(averaged(radin.Recipe.subset(bank.names, [2]), bank), LOGITS[2].astype(np.float64))
