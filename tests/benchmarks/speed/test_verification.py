"""The verifier beside a bare loop."""

import json
from pathlib import Path

from benchmarks.speed import verification


def test_both_ways_score_alike_and_the_row_describes_itself(tmp_path: Path) -> None:
    file = tmp_path / "rows.jsonl"
    options = ["--pairs", "2", "--samples", "12", "--batch-size", "5", "--device", "cpu"]
    assert verification.main([*options, "--json", str(file)]) == 0
    (row,) = [json.loads(line) for line in file.read_text().splitlines()]
    assert row["exact"] is True
    assert row["pairs"] == 2
    assert row["range"][0] <= row["ratio"] <= row["range"][1]
    assert {"bench", "case", "method", "seconds", "memory_mb", "error", "machine"} <= row.keys()
