"""The benchmark of values on a tiny bank: both methods give the same scores."""

import json

import pytest

from benchmarks.speed import values


def test_one_row_with_both_methods(capsys: pytest.CaptureFixture) -> None:
    assert values.main(["--n", "5", "--m", "50", "--recipes", "70", "--rounds", "1"]) == 0
    row = json.loads(capsys.readouterr().out)
    assert row["cpu_seconds"].keys() == {"moments", "dense"} and row["difference"] < 1e-9
