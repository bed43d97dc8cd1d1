"""The methods of a comparison."""

import pytest

from benchmarks.comparison import methods


@pytest.mark.parametrize("n", [2, 3, 4, 10, 37])
def test_top_k_tries_every_k_once_and_the_middle_first(n: int) -> None:
    order = methods.halvings(n)
    assert sorted(order) == list(range(2, n + 1))
    assert order[0] == max(2, round(n / 2))
