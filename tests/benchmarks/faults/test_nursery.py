"""Children of the warm process are processes of their own, and end as they are made to."""

from __future__ import annotations

import signal
from pathlib import Path

from benchmarks.faults.events import Survey
from benchmarks.faults.nursery import Nursery, Stop


def test_a_child_runs_the_command_radin(nursery: Nursery) -> None:
    ended = nursery.radin("--version")
    assert (ended.status, ended.errors) == (0, "")
    assert ended.output.startswith("radin")


def test_errors_end_as_they_do_in_a_new_process(nursery: Nursery) -> None:
    ended = nursery.radin("average", "nowhere.safetensors", "-o", "out.safetensors")
    assert ended.status == 2
    assert "nowhere.safetensors" in ended.errors
    ended = nursery.call("json:loads", ["{"])
    assert ended.status == 1
    assert "JSONDecodeError" in ended.errors


def test_a_signal_comes_after_a_time(nursery: Nursery) -> None:
    ended = nursery.call("time:sleep", [60], stop=Stop("SIGTERM", after=0.05))
    assert ended.status == -signal.SIGTERM
    assert ended.was_killed
    assert ended.seconds < 60


def test_what_does_not_end_is_ended(nursery: Nursery) -> None:
    assert nursery.call("time:sleep", [60], limit=0.1).status is None


def test_a_signal_comes_before_an_event(nursery: Nursery, checkpoints: list[Path], tmp_path: Path) -> None:
    soup = tmp_path / "soup.safetensors"
    command = ("average", *checkpoints, "-o", soup)
    nursery.radin(*command, survey=tmp_path / "survey")
    assert soup.exists()
    soup.unlink()
    survey = Survey(tmp_path / "survey")
    assert "os.rename" in survey.disk
    assert any(line.startswith("weights/averaging.py:") for line in survey.lines)
    ended = nursery.radin(*command, stop=Stop("SIGKILL", before="os.rename"))
    assert ended.status == -signal.SIGKILL
    assert not soup.exists()
