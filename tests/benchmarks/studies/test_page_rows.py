"""What pictures show of long rows is kept beside the pages, and what is kept agrees with their tables."""

import json
from pathlib import Path

import pytest
from helpers.paths import ROOT

from benchmarks.studies.page_pictures import found, tables
from benchmarks.studies.page_rows import kept, main


def test_points_of_each_benchmark_are_kept(tmp_path: Path) -> None:
    row = {"method": "radin", "n": 32, "m": 10_000, "c": 100, "k": 8192}
    rows = [
        row | {"case": "synthetic mid", "cpu_seconds": 0.123456},
        row | {"case": "K 16", "k": 16, "cpu_seconds": 0.5},
        row | {"case": "K 16", "k": 16, "cpu_seconds": 0.25, "method": "dense torch, 655 x 64"},
        row | {"case": "wide", "cpu_seconds": 9.0},
        row | {"case": "K 16", "k": 16, "cpu_seconds": 1.0, "method": "radin, preparation"},
        row | {"case": "K 16", "k": 16, "cpu_seconds": None, "method": "bare product"},
    ]
    file = tmp_path / "kernels.jsonl"
    file.write_text("".join(json.dumps(one) + "\n" for one in rows))
    assert main([str(file), "--out", str(tmp_path / "rows")]) == 0
    made = json.loads((tmp_path / "rows" / "kernels.json").read_text())
    assert made["K"]["radin"] == [[16, 0.5], [8192, 0.123]]
    assert made["N"]["radin"] == [[32, 0.123]]
    assert made["K"]["dense torch"] == [[16, 0.25]]
    assert made["K"]["bare product"] == []


def test_rows_that_no_picture_shows_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main([str(tmp_path / "other.jsonl")])
    assert "no picture is drawn from rows of other; expected a file of kernels or surrogate" in capsys.readouterr().err


def test_the_soups_that_are_drawn_are_those_of_the_table() -> None:
    page = tables((ROOT / "docs" / "results.md").read_text(encoding="utf-8"))
    _, *lines = found(page, ("pool", "soups", "accuracy", "of 2 or 3"))
    table = {line[0]: line for line in lines}
    drawn = kept("surrogate")
    assert drawn.keys() <= table.keys()
    for pool, one in drawn.items():
        assert len(one["real"]) == len(one["said"]) == len(one["sizes"]) == int(table[pool][1])
        assert f"{one['rank_correlation']:.2f}" == table[pool][2]
        gap = sum(real - said for real, said in zip(one["real"], one["said"], strict=True)) / len(one["real"])
        assert f"{100 * gap:+.2f}" == table[pool][7].split(" ±")[0]
