"""The benchmark of soup building runs, tells exact from inexact, and does not hide failures."""

import json
from pathlib import Path

import pytest

from benchmarks.speed import averaging
from benchmarks.speed.averaging import Case, Method, measure, methods


def test_one_run_gives_rows_that_describe_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    quick = [*methods(None)[:2], methods(None)[-1]]  # the others take seconds to import torch
    monkeypatch.setattr(averaging, "methods", lambda _: quick)
    rows_file, picture = tmp_path / "rows.jsonl", tmp_path / "plot.png"
    arguments = ["--quick", "--folder", str(tmp_path), "--json", str(rows_file), "--plot", str(picture)]
    assert averaging.main(arguments) == 0
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    assert [row["method"] for row in rows] == ["read and write", "radin, inner"] * 2 + ["radin average"]
    assert [row["case"] for row in rows] == ["tiny x 2"] * 2 + ["tiny x 3"] * 2 + ["tiny folder x 2"]
    assert {"bench", "case", "method", "seconds", "ratio", "exact", "memory_mb", "error"} <= rows[0].keys()
    assert [row["exact"] for row in rows] == [None, True] * 2 + [True]
    assert picture.stat().st_size > 0


def test_failures_and_inexact_soups_are_rows_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def copy_first(out: Path, files: list[Path]) -> list[str]:
        return ["cp", str(files[0]), str(out)]

    ways = [
        Method("copy", ".safetensors", copy_first),
        Method("broken", ".safetensors", lambda out, files: ["ls", str(out / "none")]),
    ]
    case = Case("tiny x 2", {"a": (3, 4)}, 2)
    copied, broken = measure(case, ways, tmp_path, rounds=1, idle_mb=0.0)
    assert copied["exact"] is False
    assert copied["error"] is None
    assert broken["seconds"] is None
    assert "none" in broken["error"]
    monkeypatch.setattr(averaging, "methods", lambda _: ways)
    assert averaging.main(["--quick", "--folder", str(tmp_path / "quick")]) == 1
