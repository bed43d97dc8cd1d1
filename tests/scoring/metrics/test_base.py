"""What a metric of any kind gets from its base class."""

import numpy as np
import pytest

from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import BOOTSTRAP_RESAMPLES, Metric, get_metric
from radin.scoring.surrogate import Surrogate


class Brier(Metric):
    """A metric that radin does not know, and whose values are numbers per sample."""

    name = "brier"
    higher_is_better = False

    def measure(self, logits, labels):
        chances = np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))
        return ((chances - np.eye(logits.shape[1])[labels]) ** 2).sum(axis=1)

    def value_of(self, statistics, labels):
        return float(statistics.mean())

    def numbers(self, statistics, labels):
        return statistics


class Median(Brier):
    """The same without numbers."""

    name = "median"

    def value_of(self, statistics, labels):
        return float(np.median(statistics))

    def numbers(self, statistics, labels):
        return None


def sample(n=3, m=50, c=4):
    rng = np.random.default_rng(0)
    return rng.normal(size=(n, m, c)), rng.integers(c, size=m)


def test_a_metric_of_no_family_needs_a_name_a_statistic_and_a_value():
    logits, labels = sample()
    metric = get_metric(Brier())
    statistics = metric.measure(logits[0], labels)
    assert metric.score(logits[0], labels) == -metric.value(logits[0], labels) == -statistics.mean()
    assert metric.per_sample(logits[0], labels).tolist() == statistics.tolist()
    assert metric.standard_error(statistics, labels) == pytest.approx(statistics.std(ddof=1) / np.sqrt(50))


def test_a_metric_without_numbers_is_resampled_with_a_fixed_seed():
    logits, labels = sample()
    statistics = Median().measure(logits[0], labels)
    values = Median().resampled(statistics, labels, BOOTSTRAP_RESAMPLES, 0)
    assert values.shape == (BOOTSTRAP_RESAMPLES,)
    assert Median().standard_error(statistics, labels) == np.std(values, ddof=1)
    assert Median().per_sample(logits[0], labels) is None


def test_a_metric_of_no_family_is_scored_from_averaged_logits():
    logits, labels = sample()
    surrogate = Surrogate(LogitBank.from_arrays(logits, labels), Brier())
    rows = np.array([[True, True, False], [True, True, True]])
    expected = [Brier().score(logits[row].mean(axis=0), labels) for row in rows]
    np.testing.assert_allclose(surrogate(rows), expected, rtol=1e-12)
    np.testing.assert_allclose(surrogate.neighbours(np.array([True, False, False]))[1], expected[0], rtol=1e-12)
