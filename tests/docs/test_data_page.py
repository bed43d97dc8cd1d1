"""What the page on data says is so."""

import re
from pathlib import Path

import pytest
from helpers.layouts import paint
from torch import nn

import radin
from radin.tasks.readers.sets import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "data.md").read_text()


def test_the_table_lists_every_kind() -> None:
    rows = re.findall(r"^\| (`.*?) \|", PAGE, re.MULTILINE)
    assert [kind for row in rows for kind in re.findall(r"`([a-z0-9-]+)`", row)] == list(KINDS)


def test_the_snippet_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for split in ("val", "new"):
        for name in ("cat", "dog"):
            paint(Path("pets") / split / name / "1.png", len(split + name))
    (snippet,) = re.findall(r"<!-- This snippet runs in the tests. -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict = {"radin": radin, "build_network": lambda classes: nn.Linear(3, classes)}
    exec(snippet, made)
    assert made["task"].network().out_features == 2
    assert list(made["task"].tests) == ["new"]
