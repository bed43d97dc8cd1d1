"""A command that scores a checkpoint: its last line, its failures, its time, its key."""

import sys
from pathlib import Path

import psutil
import pytest
from helpers.outside import make_pool, script

import radin
from radin.errors import InputError, MissingFileError
from radin.outside.scorer import Scorer, ScorerFailure


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_the_last_line_counts_and_all_output_is_kept(tmp_path: Path) -> None:
    scorer = radin.CommandScorer(script(tmp_path))
    assert isinstance(scorer, Scorer)
    assert scorer(make_pool(tmp_path)[1], tmp_path / "said") == -1.5
    assert (tmp_path / "said.out").read_text().splitlines() == ["nearness below", "-1.5"]
    assert (tmp_path / "said.err").read_text() == "evaluating\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import sys; print(1); sys.exit('no data')", "it ended with status 1: no data"),
        ("import os, signal; os.kill(os.getpid(), signal.SIGTERM)", "it was ended by signal 15, and printed nothing"),
        ("pass", "it printed nothing, expected a number"),
        ("print('done')", "its last line is 'done'"),
    ],
)
def test_a_command_that_fails_says_why(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ScorerFailure) as failed:
        radin.CommandScorer(script(tmp_path, text))(tmp_path / "one", tmp_path / "said")
    assert said in str(failed.value)
    assert failed.value.limit is None


def test_a_command_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    text = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\ntime.sleep(600)"
    )
    with pytest.raises(ScorerFailure, match=r"longer than 0\.5 seconds") as failed:
        radin.CommandScorer(script(tmp_path, text), seconds=0.5)(tmp_path / "one", tmp_path / "said")
    assert failed.value.limit == 0.5
    printed = (tmp_path / "said.out").read_text()
    if printed:  # on a busy machine the child may not have begun
        child = int(printed)
        gone = not psutil.pid_exists(child)
        if not gone:
            psutil.Process(child).wait(10)


def test_the_key_follows_the_command_its_script_and_its_files(tmp_path: Path) -> None:
    command, data = script(tmp_path), tmp_path / "val.txt"
    data.write_text("rows")
    keys = [radin.CommandScorer(command).key, radin.CommandScorer(f"{command} --beam 4").key]
    keys.append(radin.CommandScorer(command, files=[data]).key)
    data.write_text("other rows")
    keys.append(radin.CommandScorer(command, files=[data]).key)
    script(tmp_path, "print(1)")
    keys.append(radin.CommandScorer(command).key)
    assert len(set(keys)) == 5
    assert radin.CommandScorer(command, seconds=3.0, higher_is_better=False).key == keys[-1]


def test_commands_that_cannot_be_meant_are_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no \{checkpoint\}"):
        radin.CommandScorer("python eval.py")
    with pytest.raises(InputError, match="'no-such-program' is not there"):
        radin.CommandScorer("no-such-program {checkpoint}")
    with pytest.raises(InputError, match="cannot be read: No closing quotation"):
        radin.CommandScorer("python 'eval.py {checkpoint}")
    with pytest.raises(InputError, match="seconds above 0"):
        radin.CommandScorer(f"{sys.executable} {{checkpoint}}", seconds=0.0)
    with pytest.raises(MissingFileError, match=r"val\.txt is no file"):
        radin.CommandScorer(f"{sys.executable} {{checkpoint}}", files=[tmp_path / "val.txt"])
