"""Seconds until imports are done, and what they may not load."""

import json
from pathlib import Path

import pytest

from benchmarks.speed import startup


@pytest.mark.parametrize(("code", "failed"), [("import radin", 0), ("import radin, sys; sys.modules['torch'] = 1", 1)])
def test_a_heavy_import_fails_the_run(code: str, failed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "CASES", {"import numpy": "import numpy", "ours": code})
    assert startup.main(["--rounds", "1", "--json", str(tmp_path / "rows.jsonl")]) == failed
    numpy, ours = (json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines())
    assert (numpy["ratio"], numpy["error"]) == (1.0, None)
    assert ours["error"] == ("imports torch" if failed else None)
