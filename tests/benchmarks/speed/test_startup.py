"""Seconds until imports are done, and what they may not load."""

import json
from pathlib import Path

import pytest

from benchmarks.speed import startup
from radin.report.record import Record


@pytest.mark.parametrize(("code", "failed"), [("import radin", 0), ("import radin, sys; sys.modules['torch'] = 1", 1)])
def test_a_heavy_import_fails_the_run(
    code: str, failed: int, finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(startup, "CASES", {"import numpy": "import numpy", "ours": code})
    given = ["--rounds", "1", "--run", str(finished), "--json", str(tmp_path / "rows.jsonl")]
    assert startup.main(given) == failed
    numpy, ours, shown = (json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines())
    assert (numpy["ratio"], numpy["error"]) == (1.0, None)
    assert ours["error"] == ("imports torch" if failed else None)
    assert (shown["case"], shown["error"]) == ("radin show RUN", None)
    assert shown["cpu"] > 0 and 0 < shown["least"] <= shown["seconds"]


def test_the_run_that_is_shown_is_made_if_none_is_given(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.setattr(startup, "INGREDIENTS", 2)
    folder = startup.finished_run(tmp_path)
    assert len(Record.read(folder).ingredients) == 2
