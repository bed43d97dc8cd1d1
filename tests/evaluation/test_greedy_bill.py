"""The greedy soup runs every ingredient, and a soup with each but the first."""

from radin.evaluation.greedy_bill import greedy_passes


def test_the_greedy_soup_tries_each_ingredient_but_the_first() -> None:
    assert [greedy_passes(n) for n in (1, 2, 8)] == [1, 2 + 1, 8 + 7]
