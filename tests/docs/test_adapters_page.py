"""What the page on adapters shows works as it stands there."""

import re
from pathlib import Path

import pytest
from helpers.lora import make_adapters, start
from helpers.small import clouds

PAGE = (Path(__file__).parents[2] / "docs" / "adapters.md").read_text()


def test_the_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    pytest.importorskip("peft")
    (snippet,) = re.findall(r"<!-- This snippet runs in the tests. -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    make_adapters(tmp_path / "runs", 3, base=tmp_path / "base")
    monkeypatch.chdir(tmp_path)
    inputs, labels = clouds(120, 3)
    exec(snippet, {"build_base": start, "inputs": inputs, "labels": labels})
    assert "runs-soup/soup" in capsys.readouterr().out
    assert (tmp_path / "merged.safetensors").exists()
