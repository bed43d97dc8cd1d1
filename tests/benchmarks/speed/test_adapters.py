"""Memory of runs over adapters."""

import pytest

from benchmarks.speed import adapters

pytest.importorskip("peft")


@pytest.mark.parametrize("merge", [False, True], ids=["adapters", "merged"])
def test_a_tiny_run_is_measured(merge: bool) -> None:
    row = adapters.measured(2, 1, 8, 2, merge)
    assert row["base"] == pytest.approx((2 * (64 + 8) + 90) * 4 / 1e6) and row["factors"] == 2 * 2 * 8 * 2 * 4 / 1e6
    assert row["peak"] >= 0
