"""Whether two passes gave the same."""

import numpy as np
import pytest
from helpers.small import task
from torch import nn

from radin.evaluation.same_outputs import difference, tolerance

ROWS = np.arange(6, dtype=np.float32).reshape(2, 3)


def test_the_difference_is_the_largest_one_in_common_rows() -> None:
    assert difference(ROWS, ROWS[:1]) == 0
    assert difference(ROWS, ROWS + np.float32(0.5)) == 0.5
    assert difference(ROWS, ROWS[:, :2]) == np.inf


def test_nan_is_equal_to_nan_alone() -> None:
    odd = ROWS.copy()
    odd[0, 0] = np.nan
    assert difference(odd, odd) == 0
    assert difference(odd, ROWS) == np.inf


@pytest.mark.parametrize(
    ("network", "autocast", "expected"),
    [(nn.Linear(2, 2), None, 1e-3), (nn.Linear(2, 2).bfloat16(), None, 5e-2), (nn.Linear(2, 2), "float16", 1e-2)],
)
def test_the_tolerance_is_that_of_the_least_precise_dtype(
    network: nn.Module, autocast: str | None, expected: float
) -> None:
    assert tolerance(network, task(device="cpu", autocast=autocast)) == expected
