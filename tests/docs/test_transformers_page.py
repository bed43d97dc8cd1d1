"""What the page on transformers says is so."""

import re
from pathlib import Path

import pytest

from radin.tasks.hugging_face.heads import HEADS

PAGE = (Path(__file__).parents[2] / "docs" / "transformers.md").read_text()


def test_the_table_lists_every_head() -> None:
    assert set(re.findall(r"^\| `\.\.\.(\w+)`", PAGE, re.MULTILINE)) == set(HEADS)


def test_the_snippet_runs() -> None:
    pytest.importorskip("transformers")
    (snippet,) = re.findall(r"<!-- This snippet runs in the tests. -->\n```python\n(.*?)```", PAGE, re.DOTALL)
    made: dict = {}
    exec(snippet, made)
    assert made["task"].network().num_labels == 2
