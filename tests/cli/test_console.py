"""What several commands read and write: sizes and JSON."""

import sys
from pathlib import Path

import pytest

from radin.cli.console import parse_size, print_json, program
from radin.errors import InputError


@pytest.mark.parametrize(
    ("text", "nbytes"),
    [("5GB", 5 * 10**9), ("500 MiB", 500 * 2**20), ("0.4kb", 400), ("1.5K", 1500), ("7", 7), (" 2 TB ", 2 * 10**12)],
)
def test_sizes_are_read_in_the_units_of_people(text: str, nbytes: int) -> None:
    assert parse_size(text) == nbytes


@pytest.mark.parametrize("text", ["five", "-1GB", "5 XB", "", "1.GB"])
def test_other_sizes_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="such as 5GB or 500MB"):
        parse_size(text)


def test_json_keeps_letters_as_they_are(capsys: pytest.CaptureFixture) -> None:
    print_json({"λ": 1})
    assert capsys.readouterr().out == '{\n "λ": 1\n}\n'


def test_the_program_is_called_again_as_it_was_called(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / ".venv" / "bin" / "radin")])
    assert program() == ".venv/bin/radin"
    monkeypatch.setattr(sys, "argv", ["/site-packages/radin/__main__.py"])
    assert program() == "python -m radin"
    monkeypatch.setattr(sys, "argv", ["/a/notebook"])
    assert program() == "radin"
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "radin").write_text("")
    (tmp_path / "bin" / "radin").chmod(0o755)
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "bin" / "radin")])
    assert program() == "radin"
