"""Standard streams that are closed, full or read by nobody, in a process of their own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

RADIN = [sys.executable, "-m", "radin"]


def shell(line: str) -> tuple[int, str, str]:
    """Exit code and output of a line of shell, in which `radin` is the program."""
    line = line.replace("radin", " ".join(RADIN), 1)
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], capture_output=True, text=True, env=os.environ)
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(
    "line", ["radin searchers | true", "radin --help | true", "radin searchers --json | head -c 1"]
)
def test_a_reader_that_goes_away_ends_the_command_quietly(line: str) -> None:
    code, _, err = shell(line)
    assert (code in (0, 141), err) == (True, "")


def test_output_that_cannot_be_written_is_an_error() -> None:
    code, _, err = shell("radin searchers >/dev/full")
    assert (code, err) == (2, "error: standard output cannot be written to (No space left on device)\n")


@pytest.mark.parametrize("closed", [">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_closed_stream_changes_nothing_else(closed: str) -> None:
    code, out, err = shell(f"radin searchers {closed}")
    assert (code, err) == (0, "")
    assert (">&-" in closed.replace("2>&-", "")) == (out == "")


def test_a_file_does_not_take_the_place_of_a_closed_stream(checkpoints: list[Path], tmp_path: Path) -> None:
    files = " ".join(map(str, checkpoints))
    for name, closed in (("a", ""), ("b", "<&- >&- 2>&-")):
        code, _, _ = shell(f"radin average {files} -o {tmp_path / name}.safetensors {closed}")
        assert code == 0
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_a_name_that_the_terminal_cannot_show_is_printed(checkpoints: list[Path], tmp_path: Path) -> None:
    odd = tmp_path / "λ.safetensors"
    odd.write_bytes(checkpoints[0].read_bytes())
    given = [*RADIN, "inspect", str(odd), str(checkpoints[1])]
    done = subprocess.run(given, capture_output=True, env=os.environ | {"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"\\u03bb" in done.stdout
