from collections.abc import Iterator

import numpy as np
import pytest

from radin.common.code_location import place_of_error, place_of_yield
from radin.recipe import Recipe


def line_of(function: object, offset: int) -> str:
    code = function.__code__  # type: ignore[attr-defined]
    return f"{code.co_filename}, line {code.co_firstlineno + offset}: "


def fails() -> None:
    np.linalg.inv(np.zeros((2, 3)))  # raised deep inside of numpy


def test_an_error_is_placed_at_the_callers_own_last_line() -> None:
    with pytest.raises(np.linalg.LinAlgError) as raised:
        fails()
    assert line_of(fails, 1) in place_of_error(raised.value)


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert place_of_error(ValueError()) == ""


def test_radin_s_own_lines_are_passed_over() -> None:
    def wrong() -> None:
        Recipe.of(("a", "b"), np.array([0.5, 0.7]))

    with pytest.raises(ValueError) as raised:
        wrong()
    assert line_of(wrong, 1) in place_of_error(raised.value)


def inner() -> Iterator[int]:
    yield 1
    yield 2


def outer() -> Iterator[int]:
    yield from inner()


def test_a_waiting_generator_is_placed_at_its_innermost_yield() -> None:
    waiting = outer()
    next(waiting)
    assert line_of(inner, 1) in place_of_yield(waiting)
    next(waiting)
    assert line_of(inner, 2) in place_of_yield(waiting)
    assert place_of_yield(iter([])) == ""
