"""The measurement of full-size CLIPs, on a small one."""

import io
import json
import time
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from helpers.clip_lab import CONFIG

from benchmarks.speed import processes
from benchmarks.speed.processes import Cost
from benchmarks.studies.clip_scale import main
from radin.cli.main import main as radin_main


def run_here(command: Sequence[str]) -> Cost:
    """The same in this process: that of others is measured in test_processes."""
    begun, printed = time.perf_counter(), io.StringIO()
    with redirect_stdout(printed), pytest.raises(SystemExit) as ended:
        radin_main(command[1:])
    return Cost(time.perf_counter() - begun, 1.0, printed.getvalue(), None if not ended.value.code else "failed")


def test_a_small_clip_gives_a_right_soup_and_all_costs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processes, "run", run_here)
    (tmp_path / "tiny.json").write_text(json.dumps(CONFIG))
    options = ["--ingredients", "2", "--images", "16", "--soups", "1", "--cache", str(tmp_path / "cache")]
    assert main(["--arch", str(tmp_path / "tiny.json"), *options, "--json", str(tmp_path / "rows.jsonl")]) == 0
    (line,) = (tmp_path / "rows.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert json.loads(capsys.readouterr().out) == row
    assert row["error"] is None
    assert row["plain_score"] == row["score"]
    assert row["float32_eps"] <= 1
    assert {"start and fingerprints", "passes", "search", "soups", "writing and the rest", "all"} <= row[
        "seconds"
    ].keys()
    assert row["memory_mb"] > 0
    assert sorted(path.name for path in (tmp_path / "cache" / "tiny").iterdir()) == [
        "classes.txt",
        "images16",
        "model_0.pt",
        "model_1.pt",
        "prototypes",
    ]
