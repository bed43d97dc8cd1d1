"""The tutorial, step by step, in an empty folder: its files, its commands and its snippets do what the page says."""

import contextlib
import io
import re
import shlex
import sys
from pathlib import Path

import pytest
from helpers.command_line import run
from helpers.paths import ROOT

PAGE = (ROOT / "docs" / "tutorial.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
PYTHON = [text for language, text in BLOCKS if language == "python"]
COMMANDS = [line[6:] for language, text in BLOCKS for line in text.splitlines() if line.startswith("radin ")]


def execute(code: str) -> str:
    """What a snippet prints."""
    with contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(code, "tutorial", "exec"), {"__name__": "__main__"})
    return printed.getvalue()


@pytest.mark.pictured
def test_every_step_does_what_the_page_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    files = dict(zip(re.findall(r"`(\w+\.py)`:\n\n```python", PAGE), PYTHON, strict=False))
    assert list(files) == ["digits.py", "train.py", "mytask.py"]
    for name, code in files.items():
        Path(name).write_text(code)
        monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)
    execute(files["train.py"])

    inspect, soup, show, more = COMMANDS
    said = [run(capsys, *shlex.split(one)) for one in (inspect, soup, show, more)]
    assert [code for code, _, _ in said] == [0, 0, 0, 0]
    assert said[0][1].splitlines()[-1] == "compatible: they can be averaged"
    assert "A soup of" in said[1][1] and "Cost: 6 passes" in said[1][1] and "the greedy soup" in said[1][1]
    assert "A soup of" in said[2][1]
    assert "Cost: 8 passes" in said[3][1]

    listed = re.findall(r"^\| `([\w.]+)` \|", PAGE, re.MULTILINE)
    assert len(listed) == 5 and all((Path("first") / name).is_file() for name in listed)
    accuracy = float(re.findall(r"0\.\d+", execute(PYTHON[3]))[0])
    assert f"winner │ {accuracy:.4f}" in re.sub(" +", " ", said[3][1])
    assert "A soup of" in execute(PYTHON[4])
    for name in files:
        monkeypatch.delitem(sys.modules, Path(name).stem, raising=False)
