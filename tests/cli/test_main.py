"""Exit codes, and what is said when a command ends early."""

import os
from pathlib import Path

import click
import pytest
from helpers.command_line import refused, run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on from there:\n  radin searchers"),
        (click.Abort(), 130, "the same command goes on"),
        (EOFError("Ran out of input"), 2, "(EOFError: Ran out of input)\n"),
        (
            PermissionError(13, "Permission denied", "locked/ledger.db"),
            2,
            "locked/ledger.db: Permission denied; see to its permissions, and to those of the folders above it\n",
        ),
    ],
)
def test_how_a_command_ends(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, said: str
) -> None:
    def fails() -> None:
        raise error

    monkeypatch.setattr("radin.searching.plugins.searchers", fails)
    ended, out, err = run(capsys, "searchers")
    assert (ended, out) == (code, "")
    assert said in err
    assert ("goes on" in err) == (code == 130)


def test_an_interruption_before_a_command_has_begun_ends_likewise(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(number: int) -> None:
        monkeypatch.undo()
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fstat", interrupted)
    ended, out, err = run(capsys, "searchers")
    assert (ended, out) == (130, "")
    assert "the same command goes on" in err


@pytest.mark.parametrize("command", ["demo", "soup", "rank", "average", "inspect", "searchers"])
def test_every_command_has_help_with_an_example(capsys: pytest.CaptureFixture, command: str) -> None:
    code, out, _ = run(capsys, command, "--help")
    assert code == 0
    assert f"radin {command}" in out[out.index("Example") :]
    assert "--json" in out


def test_help_needs_no_heavy_library(tmp_path: Path) -> None:
    import subprocess
    import sys

    check = (
        "import sys; from radin.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print([m for m in ('torch', 'optuna', 'deap', 'numpy', 'matplotlib') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_an_unknown_command_or_option(capsys: pytest.CaptureFixture) -> None:
    assert "No such command 'xylophone'; " in refused(capsys, "xylophone")
    assert "did you mean soup?" in refused(capsys, "sup")
    assert "--task" in refused(capsys, "soup", "x.safetensors")
