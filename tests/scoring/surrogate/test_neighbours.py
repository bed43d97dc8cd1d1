"""Moves of a recipe score as the recipes that they lead to."""

import numpy as np
import pytest
from helpers.metrics import WhichAreRight
from helpers.surrogate_oracle import (
    CASES,
    METRIC,
    SHAPES,
    bank,
    hard,
    masks,
    winners,
)

from radin.recipe import subset_rows
from radin.scoring import moves
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate


@pytest.mark.parametrize("metric", METRIC)
def test_moves_score_as_the_recipes_they_lead_to(metric):
    surrogate = Surrogate(bank(), metric, lam=1.5)
    for mask in masks(np.random.default_rng(4), 4, 9) & ([True] * 8 + [False]):
        if not mask.any():
            continue
        moved = mask ^ np.eye(9, dtype=bool)
        found, full = surrogate.neighbours(mask), moved.any(axis=1)
        assert found[full].tolist() == surrogate(moved[full]).tolist()
        assert (found[~full] == -np.inf).all()
        swapped, scores = surrogate.swaps(mask)
        assert ((swapped ^ mask).sum(axis=1) == 2).all()
        assert (swapped.sum(axis=1) == mask.sum()).all()
        assert scores.tolist() == surrogate(swapped).tolist()
        added = surrogate.additions(mask.astype(np.int64))
        assert added[~mask].tolist() == found[~mask].tolist()
    assert surrogate.additions(np.zeros(9, dtype=np.int64)).tolist() == surrogate.solo.tolist()


@pytest.mark.parametrize("metric", ["accuracy", "nll", "macro-f1"])
def test_moves_in_parts_score_as_all_at_once(metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mask = np.arange(9) % 2 == 0

    def answers() -> list[list[float]]:
        surrogate = Surrogate(bank(), metric, lam=1.0)
        found = surrogate.neighbours(mask), surrogate.swaps(mask)[1], surrogate.additions(mask.astype(np.int64))
        return [one.tolist() for one in (surrogate.solo, *found, surrogate(np.eye(9, dtype=bool)))]

    at_once = answers()
    monkeypatch.setattr(moves, "ENTRIES", 2 * 9)  # two moves a part
    assert answers() == at_once


def test_swaps_of_everything_are_none():
    swapped, scores = Surrogate(bank()).swaps(np.ones(9, dtype=bool))
    assert swapped.shape == (0, 9)
    assert scores.shape == (0,)


@pytest.mark.parametrize("shape", SHAPES[1:3], ids=str)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_moves_are_those_of_real_arithmetic(name, dtype, shape, device):
    rng, logits, labels = hard(name, dtype, shape)
    for top in (1, 2):
        surrogate = Surrogate(LogitBank.from_arrays(logits, labels), WhichAreRight(top), device=device)
        mask = masks(rng, 1, shape[0])[0]
        moved = mask ^ np.eye(shape[0], dtype=bool)
        full = moved.any(axis=1)
        values = np.full(shape[0], -np.inf)
        values[full] = winners(logits, labels, moved[full], top) @ 2.0 ** np.arange(shape[1])
        assert surrogate.neighbours(mask).tolist() == values.tolist()
        swapped, scores = surrogate.swaps(mask)
        assert len(swapped) == mask.sum() * (~mask).sum()
        if len(swapped):
            assert scores.tolist() == (winners(logits, labels, swapped, top) @ 2.0 ** np.arange(shape[1])).tolist()
        counts = rng.integers(3, size=shape[0])
        shares = (counts + np.eye(shape[0])) / (counts.sum() + 1)
        shares[subset_rows(shares)] = shares[subset_rows(shares)] > 0
        truth = winners(logits, labels, shares, top)
        assert surrogate.additions(counts).tolist() == (truth @ 2.0 ** np.arange(shape[1])).tolist()
