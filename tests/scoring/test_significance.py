"""Intervals and paired tests, against independent computations."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from radin.errors import InputError
from radin.scoring.metrics import get_metric
from radin.scoring.significance import (
    RESAMPLES,
    Paired,
    exact_mcnemar,
    interval,
    paired_error,
    paired_p_value,
    paired_test_name,
)

ACCURACY, NLL, MACRO_F1 = get_metric("accuracy"), get_metric("nll"), get_metric("macro-f1")
#: Four standard errors of a p-value or quantile near 0.5 that is estimated from so many resamples.
TOLERANCE = 4 * 0.5 / np.sqrt(RESAMPLES)


def labels(m):
    return np.zeros(m, dtype=np.int64)


@given(st.integers(1, 10_000).flatmap(lambda m: st.tuples(st.integers(0, m), st.just(m))))
def test_interval_of_a_proportion_is_wilsons(counts):
    right, m = counts
    low, high = interval(ACCURACY, np.arange(m) < right, labels(m))
    expected = stats.binomtest(right, m).proportion_ci(0.95, method="wilson")
    assert low == pytest.approx(expected.low, abs=1e-12)
    assert high == pytest.approx(expected.high, abs=1e-12)
    assert 0 <= low < high <= 1


def test_top5_is_a_proportion_too():
    correct = np.arange(50) < 40
    assert interval(get_metric("top5"), correct, labels(50)) == interval(ACCURACY, correct, labels(50))


@pytest.mark.parametrize("m", [30, 400])
def test_interval_of_a_mean_is_near_students(m):
    losses = np.random.default_rng(m).exponential(size=m)
    low, high = interval(NLL, losses, labels(m))
    expected = stats.norm.interval(0.95, losses.mean(), losses.std() / np.sqrt(m))
    width = expected[1] - expected[0]
    assert (low, high) == pytest.approx(expected, abs=0.15 * width)
    assert low < losses.mean() < high
    assert interval(NLL, losses, labels(m)) == (low, high), "the same seed draws the same resamples"
    assert interval(NLL, losses, labels(m), seed=1) != (low, high)


@given(st.integers(0, 2_000), st.integers(0, 2_000))
def test_mcnemar_is_the_binomial_test_of_the_discordant_pairs(ours, theirs):
    expected = stats.binomtest(ours, ours + theirs, 0.5).pvalue if ours + theirs else 1.0
    assert exact_mcnemar(ours, theirs) == pytest.approx(expected, rel=1e-9)
    assert exact_mcnemar(ours, theirs) == exact_mcnemar(theirs, ours)


def test_mcnemar_of_many_thousand_pairs_does_not_overflow():
    for ours, theirs in [(50_000, 49_000), (100_000, 100_000), (0, 1_000)]:
        expected = stats.binomtest(ours, ours + theirs, 0.5).pvalue
        assert exact_mcnemar(ours, theirs) == pytest.approx(expected, rel=1e-6)


def test_only_samples_that_one_network_has_right_count():
    ours = np.array([True] * 8 + [False] * 2 + [True] * 500)
    theirs = np.array([False] * 8 + [True] * 2 + [True] * 500)
    assert paired_p_value(ACCURACY, ours, theirs, labels(510)) == pytest.approx(stats.binomtest(2, 10).pvalue)


@pytest.mark.parametrize("shift", [0.0, 0.4, 0.8])
def test_permutation_test_of_losses_is_the_full_enumeration(shift):
    rng = np.random.default_rng(5)
    ours, theirs = rng.exponential(size=10), rng.exponential(size=10) + shift
    differences = ours - theirs
    every = np.array(list(product((-1, 1), repeat=10))) @ differences
    expected = np.mean(np.abs(every) >= abs(differences.sum()) * (1 - 1e-12))
    assert paired_p_value(NLL, ours, theirs, labels(10)) == pytest.approx(expected, abs=TOLERANCE)


def test_permutation_test_of_a_metric_without_numbers_is_the_full_enumeration():
    rng = np.random.default_rng(7)
    truth = rng.integers(3, size=10)
    ours, theirs = np.where(rng.random((2, 10)) < [[0.9], [0.4]], truth, rng.integers(3, size=(2, 10)))

    def difference(exchange):
        one, two = np.where(exchange, theirs, ours), np.where(exchange, ours, theirs)
        return MACRO_F1.value_of(one, truth) - MACRO_F1.value_of(two, truth)

    every = np.abs([difference(np.array(bits)) for bits in product((False, True), repeat=10)])
    expected = np.mean(every >= every[0] - 1e-12)
    assert 0 < expected < 1
    assert paired_p_value(MACRO_F1, ours, theirs, truth) == pytest.approx(expected, abs=TOLERANCE)


@pytest.mark.parametrize("metric", [ACCURACY, NLL, MACRO_F1])
def test_a_network_is_as_good_as_itself(metric):
    statistics = np.arange(20) % 2 if metric is not ACCURACY else np.arange(20) % 2 == 0
    assert paired_p_value(metric, statistics, statistics, labels(20)) == 1.0


@pytest.mark.parametrize("metric", [ACCURACY, NLL])
def test_no_difference_is_proven_beyond_what_was_resampled(metric):
    better, worse = (np.ones(500, dtype=bool), np.zeros(500, dtype=bool)) if metric is ACCURACY else (0.0, 1.0)
    ours, theirs = np.broadcast_to(better, 500), np.broadcast_to(worse, 500)
    p = paired_p_value(metric, ours, theirs, labels(500))
    assert p == (pytest.approx(2 * 0.5**500) if metric is ACCURACY else 1 / (RESAMPLES + 1))


def test_p_values_are_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(11)
    p_values = [
        paired_p_value(NLL, *rng.exponential(size=(2, 40)), labels(40), seed=int(rng.integers(2**32)))
        for _ in range(300)
    ]
    assert stats.kstest(p_values, "uniform").pvalue > 1e-3


def test_the_exchange_is_drawn_in_blocks_without_changing_what_it_is(monkeypatch):
    rng = np.random.default_rng(13)
    ours, theirs = rng.exponential(size=(2, 30))
    whole = paired_p_value(NLL, ours, theirs, labels(30))
    monkeypatch.setattr("radin.scoring.significance.BLOCK", 70)
    assert paired_p_value(NLL, ours, theirs, labels(30)) == pytest.approx(whole, abs=TOLERANCE)


def test_the_report_can_say_which_test_it_was():
    assert paired_test_name(ACCURACY) == "exact McNemar test"
    assert paired_test_name(NLL) == "paired permutation test"


def test_a_metric_that_is_undefined_on_some_resamples_has_an_interval_all_the_same():
    def share_of_positives(logits, labels):
        return float((logits[labels == 1].argmax(1) == 1).mean()) if (labels == 1).any() else float("nan")

    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(30, 2)), np.array([1, 1, *[0] * 28])
    logits[:2] = [[0, 9], [9, 0]]  # one of the two positives is found
    metric = get_metric(share_of_positives)
    low, high = interval(metric, logits, labels)
    assert 0 <= low <= high <= 1
    assert metric.standard_error(logits, labels) > 0
    with pytest.raises(InputError, match="undefined on most resamples"):
        metric.resampled(logits[:20], np.array([1, *[0] * 19]) * 0, 10, 0)


def test_one_network_beside_many_is_resampled_once():
    seen = []

    def share(outputs, labels):
        seen.append(bool((outputs[:, 0] == 7).all()))
        return float((outputs[:, 1] > 0).mean())

    metric, rng, zeros = get_metric(share), np.random.default_rng(0), labels(50)
    ours, *others = (np.stack([np.full(50, 7.0 + i), rng.normal(size=50)], axis=1) for i in range(4))
    beside = Paired(metric, ours, zeros)
    errors = [beside.error(one) for one in others]
    assert sum(seen) <= 205 and len(seen) >= 4 * 200
    assert errors == [paired_error(metric, ours, one, zeros) for one in others]


def test_an_interval_contains_its_value_also_where_all_resamples_lie_on_one_side():
    def nearest(logits, labels):
        """Mean distance to the nearest other sample: 0 for the copies that a resample holds."""
        distances = np.abs(logits[:, :1] - logits[:, 0])
        np.fill_diagonal(distances, np.inf)
        return float(distances.min(axis=1).mean())

    metric, logits = get_metric(nearest), np.random.default_rng(0).normal(size=(40, 2))
    value = metric.value(logits, labels(40))
    assert np.percentile(metric.resampled(logits, labels(40), 400, 0), 97.5) < value
    low, high = interval(metric, logits, labels(40))
    assert low < value < high
