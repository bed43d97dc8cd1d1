"""The kernels' benchmark on tiny banks: every method runs, and gives the right samples."""

import json

from benchmarks.speed import kernels

KEYS = {"bench", "case", "method", "seconds", "ratio", "exact", "memory_mb", "error"}


def test_quick_run_writes_one_row_per_method(tmp_path, capsys):
    rows_file, picture = tmp_path / "rows.jsonl", tmp_path / "cost.png"
    assert kernels.main(["--quick", "--case", "float16", "--json", str(rows_file), "--plot", str(picture)]) == 0
    rows = [json.loads(line) for line in rows_file.read_text().splitlines()]
    assert len({row["method"] for row in rows}) == len(rows) >= 8
    for row in rows:
        assert set(row) >= KEYS
        assert row["error"] is None and row["seconds"] > 0
    assert next(row for row in rows if row["method"] == "radin")["exact"] is True
    assert picture.stat().st_size > 1000
    assert "radin, preparation" in capsys.readouterr().out


def test_likelihoods_can_be_measured_alone(tmp_path):
    rows_file = tmp_path / "rows.jsonl"
    assert kernels.main(["--quick", "--likelihood", "--case", "synthetic", "--json", str(rows_file)]) == 0
    rows = {row["method"]: row for row in map(json.loads, rows_file.read_text().splitlines())}
    assert set(rows) == {
        "radin, nll",
        "radin, nll neighbours",
        "radin, nll refined",
        "radin, tempered",
        "radin, tempered neighbours",
        "dense torch, nll",
        "dense torch, nll float32",
    }
    assert all(row["ratio_to"] == "radin, nll" and row["bound"] < 1e-5 for row in rows.values())
