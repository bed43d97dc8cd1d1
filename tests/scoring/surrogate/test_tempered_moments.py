"""Fast tempered losses: within the stated bound of float64, and the same to the last bit however they are asked for."""

import numpy as np
import pytest
from helpers.surrogate_oracle import masks

from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import TemperedLikelihood
from radin.scoring.moves import flips, swaps
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.tempered_kernel import FITTED, TemperedKernel
from radin.scoring.surrogate.tempered_moments import TemperedMoments

pytest.importorskip("numba")


def make(n=7, m=300, c=40, scale=3.0, dtype=np.float32, seed=0):
    """Logits of networks that make much the same mistakes; each one's logits have a scale of its own."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(c, size=m)
    logits = rng.normal(size=(1, m, c)) + 0.3 * rng.normal(size=(n, m, c))
    logits[:, np.arange(m), labels] += 2
    return LogitBank.from_arrays((scale * rng.uniform(0.8, 1.2, size=(n, 1, 1)) * logits).astype(dtype), labels)


def truth(bank, rows):
    logits = np.stack([bank.logits(i) for i in range(len(bank))]).astype(np.float64)
    return np.array([TemperedLikelihood().value(logits[row].mean(axis=0), bank.labels) for row in rows])


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("n", [1, 2, 7, 33])
def test_losses_are_within_the_bound(n, dtype):
    bank = make(n, dtype=dtype)
    kernel = TemperedMoments.of(bank, TemperedKernel(bank).usual)
    assert FITTED < kernel.bound < 3e-5
    rows = masks(np.random.default_rng(0), 40, n)
    assert np.abs(kernel.means(rows) - truth(bank, rows)).max() <= kernel.bound


def test_classes_that_cannot_matter_are_dropped():
    few = make()
    unlikely = np.full((300, 60), -60, dtype=np.float32)
    bank = LogitBank.from_arrays([np.hstack([few.logits(i), unlikely]) for i in range(7)], few.labels)
    kernel, rows = TemperedMoments.of(bank, TemperedKernel(bank).usual), masks(np.random.default_rng(0), 30, 7)
    assert kernel.rows == 300 * 40
    assert np.abs(kernel.means(rows) - truth(bank, rows)).max() <= kernel.bound


def test_a_subset_has_one_loss_however_it_is_asked_for(monkeypatch):
    bank = make(9)
    surrogate, rows = Surrogate(bank, TemperedLikelihood(), lam=0.5), masks(np.random.default_rng(1), 30, 9)
    together = surrogate(rows)
    assert surrogate(rows[::-1]).tolist() == together[::-1].tolist()
    assert [surrogate(row[None])[0] for row in rows] == together.tolist()
    monkeypatch.setattr("radin.scoring.surrogate.tempered_moments.workers", lambda: 3)
    monkeypatch.setattr("radin.scoring.surrogate.tempered_moments._INLINE", 0)
    assert surrogate(rows).tolist() == together.tolist()
    for mask in rows[:6]:
        moved = flips(mask).all()
        full = moved.any(axis=1)
        assert surrogate.neighbours(mask)[full].tolist() == surrogate(moved[full]).tolist()
        swapped, scores = surrogate.swaps(mask)
        assert swapped.tolist() == swaps(mask).all().tolist()
        assert scores.tolist() == surrogate(swapped).tolist()


def test_temperatures_far_from_the_usual_one_are_left_to_the_dense_kernel():
    """One network is so sure of itself that its best temperature lies beyond what dropped classes allow."""
    bank = make(6)
    arrays = [bank.logits(i) for i in range(6)]
    loud = LogitBank.from_arrays([*arrays, 30 * arrays[0]], bank.labels)
    kernel, alone = TemperedMoments.of(loud, TemperedKernel(bank).usual), np.arange(7) == 6
    rows = np.vstack([masks(np.random.default_rng(0), 10, 7), alone])
    assert kernel is None or np.isnan(kernel.means(alone[None])).all()
    scores = Surrogate(loud, TemperedLikelihood())(rows)
    np.testing.assert_allclose(-scores, truth(loud, rows), rtol=0, atol=3e-5)


def test_where_the_range_does_not_suffice_there_is_no_kernel():
    assert TemperedMoments.of(make(scale=2000.0), 1.0) is None  # exponentials underflow
    assert TemperedMoments.of(make(65, m=20), 1.0) is None  # more ingredients than are compiled for


def test_the_temperature_ends_where_it_ends_densely():
    """The labels win by so little that the likelihood would grow with inverse temperatures beyond the largest."""
    rng = np.random.default_rng(0)
    labels = rng.integers(20, size=500)
    logits = rng.normal(size=(1, 500, 20)) + 0.3 * rng.normal(size=(6, 500, 20))
    logits[:, np.arange(500), labels] = logits.max(axis=2) + 1e-6
    bank = LogitBank.from_arrays(logits.astype(np.float32), labels)
    dense, rows = TemperedKernel(bank), masks(np.random.default_rng(1), 20, 6)
    kernel = TemperedMoments.of(bank, dense.usual)
    losses = kernel.means(rows)
    left = np.isnan(losses)  # to the dense kernel
    assert not left.all()
    assert np.abs(losses - dense.means(rows.astype(float)))[~left].max() <= kernel.bound + FITTED
