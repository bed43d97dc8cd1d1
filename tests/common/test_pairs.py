"""Texts `KEY=VALUE` become a dictionary, and others are refused."""

import pytest

from radin.common.pairs import pairs
from radin.errors import InputError


def test_pairs_become_a_dictionary() -> None:
    assert pairs(["a=1", "b=x=y", "c="], "-p") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (["a"], "expected -p KEY=VALUE, got 'a'"),
        (["=1"], "expected -p KEY=VALUE, got '=1'"),
        (["a=1", "a=2"], "-p a was given twice: '1' and '2'$"),
        (["test=x", "test=y"], "'x' and 'y'; one argument holds several"),
    ],
)
def test_what_is_no_pair_is_refused(given: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        pairs(given, "-p", {"test": "one argument holds several"})
