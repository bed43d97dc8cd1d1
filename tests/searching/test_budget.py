"""Budgets: caps, and what makes no sense as one."""

import math
import subprocess
import sys

import pytest

from radin.errors import InputError
from radin.searching.budget import Budget


def test_the_cap_that_counts_is_the_one_of_the_unit():
    budget = Budget(candidates=7, soups=3)
    assert (budget.cap("candidate"), budget.cap("soup")) == (7, 3)
    assert Budget(candidates=None, soups=None).cap("candidate") is None
    assert Budget() == Budget(candidates=20_000, soups=4, seconds=None)


@pytest.mark.parametrize(
    ("caps", "message"),
    [
        ({"candidates": 0}, "candidates must be a whole number of at least 1, got 0"),
        ({"soups": 0}, "soups must be a whole number of at least 1, got 0"),
        ({"soups": -1}, "soups"),
        ({"soups": True}, "soups"),
        ({"seconds": 0.0}, "seconds must be above 0 and finite"),
        ({"seconds": -1.0}, "seconds"),
        ({"seconds": math.nan}, "seconds"),
        ({"seconds": math.inf}, "seconds"),
    ],
)
def test_caps_that_make_no_sense_are_refused(caps, message):
    with pytest.raises(InputError, match=message):
        Budget(**caps)


ILL_TYPED = """
from radin import Budget
from radin.errors import InputError
nan, inf = float("nan"), float("inf")
for caps in ({"soups": 1.5}, {"soups": nan}, {"candidates": inf}, {"candidates": "many"}, {"seconds": "long"}):
    try:
        print(Budget(**caps))
    except InputError as error:
        assert next(iter(caps)) in str(error), error
"""


def test_caps_of_another_type_are_refused_without_type_checks_too():
    run = subprocess.run([sys.executable, "-c", ILL_TYPED], check=True, capture_output=True, text=True)
    assert run.stdout == ""
