"""Soups are named by as many members as there is room for."""

from radin.report.entries import Network
from radin.report.member_names import cut, member_names


def soup(**weights: float) -> Network:
    return Network(recipe=weights, value=0.5, promised=None)


def test_the_heaviest_members_stand_first_and_the_others_are_counted() -> None:
    one = soup(a=0.1, bb=0.5, ccc=0.4)
    assert member_names(one, {}, 12) == "bb + ccc + a"
    assert member_names(one, {}, 11) == "bb + 2 more"
    assert member_names(one, {"bb": "B"}, 11) == "B + ccc + a"


def test_a_soup_of_thousands_is_named_at_once() -> None:
    many = soup(**{f"run-{i}": 1e-5 for i in range(100_000)})
    assert member_names(many, {}, 30) == "run-0 + run-1 + 99998 more"


def test_one_member_is_shown_however_long_it_is() -> None:
    assert member_names(soup(**{"x" * 30: 0.6, "y": 0.4}), {}, 20) == f"{'x' * 10}… + 1 more"
    assert member_names(soup(**{"x" * 30: 1.0}), {}, 20) == f"{'x' * 10}…"
    assert cut("abc", 3) == "abc" and cut("abcd", 3) == "ab…"
