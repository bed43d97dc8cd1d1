"""What the README shows works as it stands there."""

import importlib.util
import re
from pathlib import Path

import pytest
from helpers.small import Network, clouds, make_pool

from radin.cli.commands import COMMANDS

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_the_library_snippet_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    (snippet,) = re.findall(r"<!-- This snippet runs in the tests. -->\n```python\n(.*?)```", README, re.DOTALL)
    make_pool(tmp_path / "pool")
    monkeypatch.chdir(tmp_path)
    inputs, labels = clouds(200, 3)
    exec(snippet, {"build_network": Network, "inputs": inputs, "labels": labels})
    assert "selection data" in capsys.readouterr().out
    assert (tmp_path / "soup.safetensors").exists()
    assert (tmp_path / "another_soup.safetensors").exists()


def test_the_table_lists_every_command() -> None:
    assert set(re.findall(r"^\| `radin (\w+)` \|", README, re.MULTILINE)) == set(COMMANDS)


def test_the_generated_pages_are_up_to_date() -> None:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec is not None
    assert spec.loader is not None
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    assert generate.TARGET.read_text() == generate.commands(), "run `make reference`"
    assert generate.REFERENCE.read_text() == generate.reference(), "run `make reference`"
    assert generate.API.read_text() == generate.api(), "run `make reference`"
