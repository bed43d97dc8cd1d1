"""Losses for ranking: within the stated bound of float64, and the same to the last bit however they are asked for."""

import numpy as np
import pytest
from helpers.surrogate_oracle import masks
from hypothesis import given, settings
from hypothesis import strategies as st

from radin.scoring.likelihood import losses
from radin.scoring.logit_bank import LogitBank
from radin.scoring.moves import flips, swaps
from radin.scoring.surrogate import Surrogate, parallel
from radin.scoring.surrogate.partition_kernel import RANKING_EPSILON, PartitionKernel

pytest.importorskip("numba")


def make(n=7, m=300, c=40, scale=3.0, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(c, size=m)
    logits = rng.normal(size=(1, m, c)) + 0.3 * rng.normal(size=(n, m, c))
    logits[:, np.arange(m), labels] += 2
    return LogitBank.from_arrays((scale * logits).astype(dtype), labels)


def truth(bank, rows):
    logits = np.stack([bank.logits(i) for i in range(len(bank))]).astype(np.float64)
    return np.array([losses(logits[row].mean(axis=0), bank.labels).mean() for row in rows])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("epsilon", [RANKING_EPSILON, 1e-3, 0.1])
@pytest.mark.parametrize("n", [1, 2, 7, 17, 40])
def test_losses_are_within_the_bound(n, epsilon, dtype):
    bank = make(n, dtype=dtype)
    kernel = PartitionKernel.of(bank, epsilon)
    assert 0 < kernel.bound <= epsilon
    rows = masks(np.random.default_rng(0), 200, n)
    assert np.abs(kernel.means(rows) - truth(bank, rows)).max() <= kernel.bound
    if epsilon >= 1e-3:
        assert kernel.rows <= PartitionKernel.of(bank).rows


@settings(max_examples=40)
@given(
    scale=st.sampled_from([0.0, 0.01, 1.0, 10.0, 30.0]),
    epsilon=st.sampled_from([1e-4, 1e-2, 1.0]),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 40), st.integers(1, 9)),
    seed=st.integers(0, 2**31),
)
def test_bound_holds_at_any_scale(scale, epsilon, shape, seed):
    bank = make(*shape, scale=scale, dtype=np.float64, seed=seed)
    kernel = PartitionKernel.of(bank, epsilon)
    rows = masks(np.random.default_rng(seed), 5, shape[0])
    if kernel is not None:
        assert np.abs(kernel.means(rows) - truth(bank, rows)).max() <= kernel.bound <= epsilon


def test_a_single_ingredient_has_its_own_loss():
    bank = make()
    own = PartitionKernel.of(bank, 0.1).means(np.eye(7, dtype=bool))
    np.testing.assert_allclose(own, [losses(bank.logits(i), bank.labels).mean() for i in range(7)], rtol=1e-12)


def test_confident_networks_that_agree_leave_nothing_to_compute():
    bank = make(scale=0.001)
    sharp = LogitBank.from_arrays([bank.logits(i) + 60 * np.eye(40)[bank.labels] for i in range(7)], bank.labels)
    kernel, rows = PartitionKernel.of(sharp), masks(np.random.default_rng(0), 200, 7)
    assert kernel.rows == 0
    assert np.abs(kernel.means(rows) - truth(sharp, rows)).max() <= kernel.bound


@pytest.mark.parametrize("n", [3, 20])
def test_a_subset_has_one_loss_however_it_is_asked_for(n, monkeypatch):
    bank = make(n)
    kernel = PartitionKernel.of(bank)
    rows = masks(np.random.default_rng(1), 300, n)
    together = kernel.means(rows)
    assert kernel.means(rows[:50]).tolist() == together[:50].tolist()  # too few for tables
    assert kernel.means(rows[::-1]).tolist() == together[::-1].tolist()
    monkeypatch.setattr("radin.scoring.surrogate.partition_kernel.workers", lambda: 3)
    assert kernel.means(rows).tolist() == together.tolist()
    assert parallel.workers() == 1


def test_moves_have_the_losses_of_the_subsets_they_lead_to():
    surrogate = Surrogate(make(9), "nll", lam=0.5)
    assert 1e-6 < surrogate.bound <= RANKING_EPSILON
    for mask in masks(np.random.default_rng(2), 6, 9):
        moved = flips(mask).all()
        full = moved.any(axis=1)
        assert surrogate.neighbours(mask)[full].tolist() == surrogate(moved[full]).tolist()
        swapped, scores = surrogate.swaps(mask)
        assert swapped.tolist() == swaps(mask).all().tolist()
        assert scores.tolist() == surrogate(swapped).tolist()
    assert (
        surrogate.subset_range(1, 300).tolist()
        == surrogate(np.arange(1, 300)[:, None] >> np.arange(9) & 1 == 1).tolist()
    )


def test_weights_of_a_subset_score_as_its_mask_and_refined_scores_are_nearer():
    bank = make(9)
    surrogate = Surrogate(bank, "nll")
    rows = masks(np.random.default_rng(3), 200, 9)
    scores = surrogate(rows)
    assert surrogate(rows / rows.sum(axis=1, keepdims=True)).tolist() == scores.tolist()
    mixed = np.vstack([rows[:2] / rows[:2].sum(axis=1, keepdims=True), np.arange(1, 10) / 45])
    assert surrogate(mixed)[:2].tolist() == scores[:2].tolist()
    assert surrogate(mixed)[2] == surrogate.refined(mixed[2:])[0]
    assert np.abs(surrogate.refined(rows) + truth(bank, rows)).max() <= 1e-6
    assert surrogate.solo.tolist() == surrogate(np.eye(9, dtype=bool)).tolist()


def test_where_the_bound_or_the_range_does_not_suffice_there_is_no_kernel():
    assert PartitionKernel.of(make(scale=2000.0)) is None  # exponentials underflow
    assert PartitionKernel.of(make(), 1e-8) is None  # below the rounding of float32
    assert PartitionKernel.of(make(65, m=20)) is None  # more ingredients than tables are made for
    wide = Surrogate(make(scale=2000.0), "nll")
    rows = masks(np.random.default_rng(0), 5, 7)
    np.testing.assert_allclose(-wide(rows), truth(wide.bank, rows), rtol=1e-9)


def test_powers_of_two_are_as_near_as_the_bound_says():
    from radin.scoring.surrogate import numba_loops

    totals = -np.arange(0, 126 * 2**13, dtype=np.int64)
    found = np.array([numba_loops.power_of_two(np.int32(t), np.float32(2.0**-13)) for t in totals[::37]])
    exact = 2.0 ** (totals[::37] * 2.0**-13)
    assert np.abs(found / exact - 1).max() <= 5 * 2.0**-24
