"""Pairs of a sample and a recipe that float32 could not decide, against rational arithmetic."""

import numpy as np
import pytest
from helpers.surrogate_oracle import CASES, as_weights, hard, masks, mixtures, winners

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import undecided
from radin.scoring.surrogate.margins import prepare


@pytest.mark.parametrize("top", [1, 2])
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_pairs_are_decided_as_in_real_arithmetic(name, dtype, top):
    rng, logits, labels = hard(name, dtype, (5, 12, 4))
    live = prepare(LogitBank.from_arrays(logits, labels), top)
    for rows in (masks(rng, 6, 5), mixtures(rng, 6, 5)):
        weights = as_weights(rows)
        samples = rng.integers(max(len(live.samples), 1), size=30)[: 30 * bool(len(live.samples))]
        recipes = rng.integers(6, size=len(samples))
        truth = winners(logits, labels, weights, top)[recipes, live.samples[samples]]
        assert undecided.decide(live, samples, recipes, weights).tolist() == truth.tolist()


def test_masks_are_coefficients_too_and_chunks_change_nothing(monkeypatch):
    rng, logits, labels = hard("correlated", np.float32, (12, 8, 6))
    live, rows = prepare(LogitBank.from_arrays(logits, labels)), masks(rng, 9, 12)
    samples, recipes = (one.ravel() for one in np.indices((len(live.samples), len(rows))))
    whole = undecided.decide(live, samples, recipes, rows.astype(np.float64))
    monkeypatch.setattr(undecided, "CHUNK_VALUES", 1)
    assert undecided.decide(live, samples, recipes, rows).tolist() == whole.tolist()
