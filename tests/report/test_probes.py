"""The soups that a diagnosis has evaluated: all sound ingredients, then midpoints with the central one."""

import numpy as np

from radin.evaluation.gram import Gram
from radin.report.probes import probes

NAMES = ("a", "b", "c", "d")


def gram(*points: float) -> Gram:
    """Of points on a line, seen from their mean."""
    from_mean = np.array(points) - np.mean(points)
    return Gram(NAMES[: len(points)], np.outer(from_mean, from_mean))


def members(found) -> list[tuple[str, ...]]:
    return [one.member_names for one in found]


def test_the_most_distant_midpoint_comes_first() -> None:
    found = probes(gram(1.0, 0.0, 4.0, -9.0), [], NAMES)
    assert members(found)[0] == NAMES
    assert sorted(members(found)[1:]) == [("a", "b"), ("a", "c"), ("a", "d")]
    assert members(found)[1:3] == [("a", "d"), ("a", "c")]


def test_suspects_are_in_no_soup_of_all_but_are_probed_in_pairs() -> None:
    found = probes(gram(1.0, 0.0, 4.0, -9.0), ["d"], NAMES)
    assert members(found)[:2] == [("a", "b", "c"), ("a", "d")]


def test_ingredients_that_no_soup_may_hold_are_left_out() -> None:
    found = probes(gram(1.0, 0.0, 4.0, -9.0), [], ("a", "b", "c"))
    assert all("d" not in one for one in members(found))
    assert members(probes(gram(0.0), [], ("a",))) == []
