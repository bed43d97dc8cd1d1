"""Live log-probabilities: what is replaced by constants changes no mean of log Z by more than the bound."""

import numpy as np
import pytest
import torch
from helpers.surrogate_oracle import bank, masks

from radin.scoring.likelihood import losses
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate.live_probabilities import LEAST_FLOOR, live_probabilities


def logs(logits):
    stacked = np.stack([logits.logits(i) for i in range(len(logits))]).astype(np.float64)
    return torch.from_numpy(stacked).log_softmax(dim=2).numpy()


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 0.1])
def test_the_mean_of_log_z_is_within_the_bound(epsilon):
    logits = bank(m=300)
    live = live_probabilities(logits, epsilon)
    assert 0 <= live.bound <= epsilon + 2.0**-live.bits
    rows = masks(np.random.default_rng(0), 60, 9)
    rows[:, :2] = True  # at least two members
    weights = rows / rows.sum(axis=1, keepdims=True)
    truth = np.log(np.exp(np.einsum("kn,nmc->kmc", weights, logs(logits))).sum(axis=2)).mean(axis=1)
    terms = np.exp(np.ldexp(live.rows @ weights.T, -live.bits))
    sample = np.repeat(np.arange(len(live.constants)), np.diff(live.starts))
    partitions = np.repeat(live.constants[:, None], len(rows), axis=1)
    np.add.at(partitions, sample, terms)
    found = (live.settled + np.log(partitions).sum(axis=0)) / 300
    assert np.abs(found - truth).max() <= live.bound + 1e-12
    np.testing.assert_allclose(live.losses, [losses(logits.logits(i), logits.labels).mean() for i in range(9)])


def test_a_larger_error_keeps_fewer_rows():
    sizes = [len(live_probabilities(bank(), epsilon).rows) for epsilon in (1e-9, 1e-3, 0.1)]
    assert sizes == sorted(sizes, reverse=True) and sizes[0] > sizes[-1]


def test_probabilities_too_small_for_float32_are_not_taken():
    confident = 140 * np.eye(2)[[[0, 0], [1, 1]]]  # two networks that are sure of different classes
    assert 2 * np.exp(-140 / 2) < LEAST_FLOOR
    assert live_probabilities(LogitBank.from_arrays(confident, np.array([0, 1])), 1e-9) is None
