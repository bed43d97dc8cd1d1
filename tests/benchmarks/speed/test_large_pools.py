"""The benchmark of large pools prints a row for each case, and says what failed."""

import json
from pathlib import Path

import pytest

from benchmarks.speed import large_pools


def test_each_case_is_a_row_with_time_and_memory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.jsonl"
    assert large_pools.main(["--case", "5,40,3", "--candidates", "20", "--json", str(file)]) == 0
    heading, row = capsys.readouterr().out.splitlines()
    assert heading.split()[:3] == ["N", "M", "C"] and row.split()[:3] == ["5", "40", "3"]
    (kept,) = map(json.loads, file.read_text().splitlines())
    assert kept["case"] == [5, 40, 3] and kept["charged"] <= 20 and kept["error"] is None
    assert kept["stored_mb"] == 5 * 40 * 3 * 2 / 1e6


def test_a_case_that_fails_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert large_pools.main(["--case", "5,40,3", "--searcher", "nobody"]) == 1
    assert "failed: radin.errors.UnknownSearcherError" in capsys.readouterr().out
