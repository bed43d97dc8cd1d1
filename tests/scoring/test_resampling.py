"""Resamples and exchanges of whole groups, by sums and row by row."""

import numpy as np
import pytest

from radin.scoring.kinds import KINDS
from radin.scoring.metrics import get_metric
from radin.scoring.resampling import exchanged_groups, resampled_groups
from radin.scoring.significance import interval, paired_error, paired_p_value, paired_test_name, standard_error

RNG = np.random.default_rng(0)


def clusters(g=40, size=25, rho=0.9):
    """Right and wrong rows that mostly agree within a group."""
    of_group = RNG.random(g) < 0.7
    groups = np.repeat(np.arange(g), size)
    alone = RNG.random(g * size) < 0.7
    return np.where(RNG.random(g * size) < rho, of_group[groups], alone), groups


def test_rows_of_one_group_are_no_independent_evidence():
    right, groups = clusters()
    accuracy, labels = get_metric("accuracy"), np.zeros(len(right), dtype=np.int64)
    means = np.array([right[groups == g].mean() for g in range(40)])
    low, high = interval(accuracy, right, labels, groups=groups)
    assert low < right.mean() < high
    assert high - low == pytest.approx(2 * 1.96 * means.std(ddof=1) / np.sqrt(40), rel=0.15)
    plain = interval(accuracy, right, labels)
    assert high - low > 3 * (plain[1] - plain[0])
    assert standard_error(accuracy, right, labels, groups) == pytest.approx(means.std(ddof=1) / np.sqrt(40), rel=0.2)
    assert standard_error(accuracy, right, labels) == accuracy.standard_error(right, labels)


def test_groups_of_one_row_each_are_rows():
    losses = RNG.exponential(size=60)
    nll, labels = get_metric("nll"), np.zeros(60, dtype=np.int64)
    plain, grouped = interval(nll, losses, labels), interval(nll, losses, labels, groups=np.arange(60))
    np.testing.assert_allclose(grouped, plain, atol=0.1 * (plain[1] - plain[0]))


def test_a_difference_within_one_group_is_no_proof():
    groups = np.repeat(np.arange(12), 50)
    labels = np.zeros(600, dtype=np.int64)
    ours, theirs = np.ones(600, dtype=bool), np.where(groups == 3, False, True)
    accuracy = get_metric("accuracy")
    assert paired_p_value(accuracy, ours, theirs, labels) < 1e-9
    assert paired_p_value(accuracy, ours, theirs, labels, groups=groups) == 1
    assert paired_test_name(accuracy, groups) == "paired permutation test of groups"
    assert paired_error(accuracy, ours, theirs, labels, groups=groups) > 0.05


@pytest.mark.parametrize("name", ["macro-f1", "miou", "mcc"])
def test_sums_and_rows_give_the_same_exchanges(name):
    metric = get_metric(name, KINDS["positions"])
    labels, groups = RNG.integers(4, size=90), np.arange(90) // 9
    ours, theirs = RNG.integers(4, size=90), np.where(RNG.random(90) < 0.6, labels, RNG.integers(4, size=90))
    observed, found = exchanged_groups(metric, ours, theirs, labels, groups, 50, 3)
    swaps = np.random.default_rng(3).integers(2, size=(50, 10)).astype(bool)[:, groups]
    expected = [
        metric.value_of(np.where(one, theirs, ours), labels) - metric.value_of(np.where(one, ours, theirs), labels)
        for one in swaps
    ]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert observed == pytest.approx(metric.value_of(ours, labels) - metric.value_of(theirs, labels))


def test_metrics_without_sums_are_computed_on_the_rows():
    auc = get_metric("auc")
    labels, groups = RNG.integers(2, size=80), np.arange(80) // 4
    scores = (RNG.normal(size=80) + labels)[:, None]
    values = resampled_groups(auc, scores, labels, groups, 100, 0)
    drawn = np.random.default_rng(0).integers(20, size=20)
    rows = np.concatenate([np.flatnonzero(groups == g) for g in drawn])
    assert values[0] == auc.value_of(scores[rows], labels[rows])
    observed, found = exchanged_groups(auc, scores, -scores, labels, groups, 30, 0)
    assert observed > 0 and (np.abs(found) <= observed).all()


def test_a_mean_of_sums_is_a_mean_of_resampled_rows():
    nll, numbers = get_metric("nll"), RNG.exponential(size=30)
    sums = np.stack([numbers, np.ones(30)], axis=1)
    rows = np.random.default_rng(5).integers(30, size=(20, 30))
    np.testing.assert_allclose(nll.resampled_sums(sums, 20, 5), numbers[rows].mean(axis=1))
