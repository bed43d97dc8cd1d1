"""Axes hold their values and have ticks at round numbers."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from radin.report.page.axis import Axis

values = st.lists(st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 6)), min_size=1, max_size=6)


@given(values)
def test_all_values_are_on_the_axis(given: list[float]) -> None:
    axis = Axis.over(given)
    assert axis.low < min(given) and axis.high > max(given)
    places = [float(axis.at(value)[:-1]) for value in sorted(given)]
    assert places == sorted(places) and 0 <= places[0] <= places[-1] <= 100


@given(values)
def test_ticks_are_few_and_as_far_apart_as_they_say(given: list[float]) -> None:
    axis = Axis.over(given)
    ticks = axis.ticks
    assert 2 <= len(ticks) <= 7
    assert all(axis.low - 1e-9 * abs(axis.low) <= value <= axis.high + 1e-9 * abs(axis.high) for value, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)
    assert all(math.isclose(float(text), value, rel_tol=1e-6, abs_tol=1e-9) for value, text in ticks)


def test_ticks_of_an_accuracy() -> None:
    assert [text for _, text in Axis(0.9321, 0.9734).ticks] == ["0.94", "0.95", "0.96", "0.97"]
    assert [text for _, text in Axis.over([31.0, 20.0], zero=True).ticks] == ["0", "10", "20", "30"]


def test_values_that_are_not_finite_do_not_count() -> None:
    assert Axis.over([math.nan, math.inf, 1.0, 2.0]) == Axis.over([1.0, 2.0])
    assert Axis.over([]) == Axis.over([0.0, 1.0])


def test_ticks_of_huge_values_are_short() -> None:
    assert [text for _, text in Axis.over([3.4, 8e15]).ticks] == ["0", "2e+15", "4e+15", "6e+15", "8e+15"]


def test_bars_begin_at_zero() -> None:
    axis = Axis.over([3.0, 5.0], zero=True)
    assert axis.low == 0
    assert float(axis.length(0.0, 5.0)[:-1]) == pytest.approx(float(axis.at(5.0)[:-1]) - float(axis.at(0.0)[:-1]))
    assert axis.at(-99.0) == axis.at(0.0), "what lies beyond the end stands at it"
