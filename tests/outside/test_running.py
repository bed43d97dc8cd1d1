"""A command that is under way: it is not waited for, and ends when it is told to."""

import os
import sys
from pathlib import Path

import psutil
import pytest

from radin.outside.running import RunningCommand
from radin.outside.scorer import Running, ScorerFailure


def command(text: str) -> list[str]:
    return [sys.executable, "-S", "-c", text]


def test_a_command_is_over_when_it_has_printed_its_number(tmp_path: Path) -> None:
    go = tmp_path / "go"
    text = f"import os, time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)\nprint(os.environ['GIVEN'])"
    running = RunningCommand(command(text), tmp_path / "said", None, os.environ | {"GIVEN": "0.5"})
    assert isinstance(running, Running)
    assert not running.is_over
    go.touch()
    assert running.number() == 0.5
    assert running.is_over
    assert (tmp_path / "said.out").read_text() == "0.5\n"


def test_a_command_that_takes_too_long_is_over_and_has_failed(tmp_path: Path) -> None:
    running = RunningCommand(command("import time; time.sleep(600)"), tmp_path / "said", 0.1)
    while not running.is_over:
        pass
    with pytest.raises(ScorerFailure, match=r"longer than 0\.1 seconds") as failed:
        running.number()
    assert failed.value.limit == 0.1


def test_its_end_is_the_end_of_its_children(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)"
    )
    running = RunningCommand(command(text), tmp_path / "said", None)
    printed = tmp_path / "said.out"
    while not printed.read_text().endswith("\n"):
        assert not running.is_over
    running.end()
    running.end()
    assert running.is_over
    child = int(printed.read_text())
    if psutil.pid_exists(child):
        psutil.Process(child).wait(10)


def test_a_program_that_cannot_be_started_has_failed(tmp_path: Path) -> None:
    with pytest.raises(ScorerFailure, match="could not be started: No such file"):
        RunningCommand(["no-such-program"], tmp_path / "said", None)
