"""Metrics of values are those of scikit-learn and scipy."""

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as sk

from radin.errors import InputError
from radin.scoring.kinds import KINDS
from radin.scoring.metrics import get_metric
from radin.scoring.metrics.values import ranks
from radin.scoring.significance import interval, paired_p_value

VALUES = KINDS["values"]


def sample(m=80, d=3, seed=0, offset=0.0):
    rng = np.random.default_rng(seed)
    labels = rng.normal(size=(m, d)) * [1, 5, 0.1][:d] + offset
    return (labels + rng.normal(size=(m, d)) * [1, 2, 0.2][:d]).astype(np.float32), labels


def named(name):
    return get_metric(name, VALUES)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_values_are_those_of_scikit_learn(d, offset):
    y, t = sample(d=d, offset=offset)
    assert named("mse").value(y, t) == pytest.approx(sk.mean_squared_error(t, y), rel=1e-9)
    assert named("mae").value(y, t) == pytest.approx(sk.mean_absolute_error(t, y), rel=1e-9)
    assert named("rmse").value(y, t) == pytest.approx(np.sqrt(sk.mean_squared_error(t, y)), rel=1e-9)
    assert named("r2").value(y, t) == pytest.approx(sk.r2_score(t, y), rel=1e-9)
    pearson = np.mean([stats.pearsonr(y[:, i].astype(float), t[:, i])[0] for i in range(d)])
    assert named("pearson").value(y, t) == pytest.approx(pearson, rel=1e-6)
    spearman = np.mean([stats.spearmanr(y[:, i], t[:, i])[0] for i in range(d)])
    assert named("spearman").value(y, t) == pytest.approx(spearman, rel=1e-9)


def test_ranks_of_equal_values_are_their_mean():
    values = np.array([[3.0, 1.0], [1.0, 1.0], [3.0, 0.0]])
    np.testing.assert_array_equal(ranks(values), np.stack([stats.rankdata(values[:, i]) for i in range(2)], axis=1))


@pytest.mark.parametrize("name", ["mse", "rmse", "mae"])
def test_errors_are_better_when_lower(name):
    y, t = sample()
    assert named(name).score(y, t) == -named(name).value(y, t) < named(name).score(t + (y - t) / 2, t)


@pytest.mark.parametrize("name", ["mse", "rmse", "r2", "mae"])
def test_the_best_constant_is_worse_than_chance_nowhere(name):
    _, t = sample()
    metric = named(name)
    best = metric.score(metric.constant(t), t)
    for shift in (-0.05, 0.05):
        assert metric.score(metric.constant(t) + shift, t) < best
    assert named("r2").value(named("r2").constant(t), t) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", ["mse", "rmse", "mae", "r2", "pearson", "spearman"])
def test_an_interval_holds_its_value_and_a_test_sees_a_difference(name):
    y, t = sample(m=200)
    metric = named(name)
    worse, measured = metric.measure(y + np.random.default_rng(1).normal(size=y.shape) * 3, t), metric.measure(y, t)
    low, high = interval(metric, measured, t)
    assert low < metric.value_of(measured, t) < high
    assert paired_p_value(metric, measured, worse, t) < 0.01
    assert paired_p_value(metric, measured, measured, t) == 1


@pytest.mark.parametrize("name", ["rmse", "r2", "pearson"])
def test_resamples_by_sums_are_those_of_the_rows(name):
    y, t = sample(m=40)
    metric, rng = named(name), np.random.default_rng(0)
    rows = rng.integers(40, size=(300, 40))
    expected = [metric.value_of(metric.measure(y[one], t[one]), t[one]) for one in rows]
    np.testing.assert_allclose(metric.resampled(metric.measure(y, t), t, 300, 0), expected, rtol=1e-9)


@pytest.mark.parametrize("name", ["r2", "pearson", "spearman"])
def test_labels_that_are_all_the_same_leave_it_undefined(name):
    y, _ = sample()
    with pytest.raises(InputError, match=f"{name} is undefined: all 80 labels are the same"):
        named(name).value(y, np.ones_like(y, dtype=np.float64))


def test_a_constant_prediction_has_no_correlation():
    _, t = sample()
    assert named("pearson").value(np.full_like(t, 3), t) == 0
