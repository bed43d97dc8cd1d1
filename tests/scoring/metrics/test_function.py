"""Metrics that are functions of one's own."""

import numpy as np
import pytest

from radin.errors import InputError
from radin.scoring.metrics import FunctionMetric, get_metric, lower_is_better
from radin.scoring.significance import interval

RNG = np.random.default_rng(0)


def sample(m=60, c=7):
    labels = RNG.integers(c, size=m)
    logits = RNG.normal(size=(m, c))
    logits[np.arange(m), labels] += 1
    return logits, labels


def test_callables_of_both_kinds_are_metrics():
    logits, labels = sample()

    def margin(logits, labels):
        return np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]

    def mean_margin(logits, labels):
        return margin(logits, labels).mean()

    each, whole = get_metric(margin), get_metric(mean_margin)
    assert each.name == "margin"
    assert each.value(logits, labels) == whole.value(logits, labels) == each.score(logits, labels)
    np.testing.assert_array_equal(each.per_sample(logits, labels), margin(logits, labels))
    assert whole.per_sample(logits, labels) is None
    assert whole.standard_error(logits, labels) == pytest.approx(each.standard_error(logits, labels), rel=0.2)


@pytest.mark.parametrize("result", [np.zeros(3), np.zeros((60, 2)), np.nan, np.full(60, np.inf)])
def test_callables_that_return_something_else_are_refused(result):
    logits, labels = sample()

    def odd(logits, labels):
        return result

    with pytest.raises(InputError, match="odd"):
        get_metric(odd).value(logits, labels)


def test_a_function_may_have_another_name_and_be_better_when_lower():
    logits, labels = sample()
    metric = FunctionMetric(lambda z, y: np.abs(z[:, 0]), "size of the first logit", higher_is_better=False)
    assert metric.name == "size of the first logit"
    assert metric.score(logits, labels) == -metric.value(logits, labels) == -np.abs(logits[:, 0]).mean()


def test_numbers_per_sample_are_resampled_and_the_function_is_called_once():
    calls = []

    def standardised(logits, labels):
        """Depends on which samples are seen together."""
        calls.append(len(labels))
        return logits[:, 0] - logits[:, 0].mean() + 5

    logits, labels = sample()
    metric = get_metric(standardised)
    values = metric.resampled(logits, labels, 500, 0)
    assert calls == [60]
    assert values.std() == pytest.approx(logits[:, 0].std() / np.sqrt(60), rel=0.15)
    assert interval(metric, logits, labels)[0] < 5 < interval(metric, logits, labels)[1]


def test_a_function_says_itself_that_lower_is_better():
    @lower_is_better
    def error(logits, labels):
        return (logits.argmax(axis=1) != labels).astype(float)

    logits, labels = sample()
    assert not get_metric(error).higher_is_better
    assert get_metric(error).score(logits, labels) == -error(logits, labels).mean()
    with pytest.raises(InputError, match="takes no attribute; give a plain function"):
        lower_is_better(len)


def test_a_lambda_is_called_by_the_place_of_its_code():
    one, other = (
        get_metric(lambda z, y: z[:, 0]),
        get_metric(
            lambda z, y: z[:, 1],
        ),
    )
    assert one.name.startswith("test_function.py:") and one.name != other.name


def test_a_function_of_one_value_a_sample_gets_vectors():
    outputs, labels = RNG.normal(size=(20, 1)), RNG.normal(size=(20, 1))
    metric = get_metric(lambda y, t: (y - t) ** 2)
    np.testing.assert_array_equal(metric.per_sample(outputs, labels), ((outputs - labels) ** 2)[:, 0])


def test_a_function_that_raises_is_named_with_its_line():
    def broken(logits, labels):
        return logits[:, 99].mean()

    logits, labels = sample()
    given = r"it was given outputs float64\[60, 7\] and labels int64\[60\]"
    with pytest.raises(InputError, match=rf"metric 'broken' raised IndexError.*test_function.*; {given}"):
        get_metric(broken).value(logits, labels)
    with pytest.raises(InputError, match="metric 'broken' returned dict; expected one number"):
        FunctionMetric(lambda logits, labels: {}, "broken").value(logits, labels)


def test_resamples_on_which_a_function_raises_are_left_out():
    def both(logits, labels):
        if set(labels.tolist()) != {0, 1}:
            raise ValueError("one class")
        return float(labels.mean())

    labels = np.array([1] + [0] * 4)
    low, high = interval(get_metric(both), np.zeros((5, 2)), labels)
    assert 0 < low <= 0.2 <= high
