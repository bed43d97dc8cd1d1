"""Tasks by name, with arguments as text."""

import sys
from pathlib import Path

import pytest
from helpers.paths import SMALL

import radin
from radin.errors import InputError, MissingFileError, RadinError, TaskError
from radin.tasks.load import load_metric, load_task

TASK_FILE = """
import radin
from helpers import small

def typed(samples: int, scale: float = 1.0, name: str = "x"):
    assert isinstance(samples, int) and isinstance(scale, float) and isinstance(name, str)
    return small.task(samples)

def untyped(samples, name="x"):
    assert samples == 20 and name == "a-b"
    return small.task(samples)

def fails():
    raise KeyError("data")

def wrong():
    return "no task"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "tasks_of_mine.py"
    path.write_text(TASK_FILE)
    return path


def test_arguments_are_brought_to_their_types(file: Path) -> None:
    assert len(load_task(f"{file}:typed", {"samples": "20", "scale": "2", "name": "7"}).rows) == 20
    assert len(load_task(f"{file}:untyped", {"samples": "20", "name": "a-b"}).rows) == 20


def test_fields_of_the_task_are_replaced() -> None:
    task = load_task(f"{SMALL}:task", {}, metric="nll", device=None, holdback=0.0)
    assert (task.metric, task.device, task.holdback) == ("nll", "cpu", 0.0)


def test_file_and_arguments_make_the_source(file: Path) -> None:
    code = load_task(f"{file}:typed", {"samples": "20"}).code
    assert load_task(f"{file}:typed", {"samples": "20"}).code == code
    assert load_task(f"{file}:typed", {"samples": "21"}).code != code
    file.write_text(TASK_FILE + "\n# changed\n")
    assert load_task(f"{file}:typed", {"samples": "20"}).code != code


def test_a_module_by_its_dotted_name() -> None:
    assert isinstance(load_task("helpers.small:task"), radin.Task)


@pytest.mark.parametrize(
    ("spec", "arguments", "error", "message"),
    [
        ("missing.py:task", {}, MissingFileError, "no such file"),
        ("{file}", {}, InputError, "FILE.py:FUNCTION"),
        ("{file}:", {}, InputError, "FILE.py:FUNCTION"),
        ("{file}:tsk", {}, InputError, "fails, typed, untyped, wrong"),
        ("{file}:typed", {}, InputError, "needs samples="),
        ("{file}:typed", {"samples": "many"}, InputError, "argument 'samples' should be a whole number, got 'many'"),
        ("{file}:typed", {"samples": "9", "scale": "x"}, InputError, "'scale' should be a number, got 'x'"),
        ("openclip", {}, InputError, "did you mean open_clip"),
        ("{file}:typed", {"samples": "9", "smaples": "9"}, InputError, "no argument 'smaples'; did you mean samples"),
        ("{file}:fails", {}, TaskError, r"raised KeyError: 'data' \(.*tasks_of_mine\.py, line 14: "),
        ("{file}:wrong", {}, TaskError, r"must return a radin\.Task, got str"),
        ("no_such_module:task", {}, TaskError, "could not be imported"),
    ],
)
def test_what_is_wrong_is_said(file: Path, spec: str, arguments: dict, error: type[RadinError], message: str) -> None:
    with pytest.raises(error, match=message):
        load_task(spec.format(file=file), arguments)


def test_a_file_with_an_error_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken_task.py").write_text("import nothing_of_that_name\n")
    with pytest.raises(TaskError, match="ModuleNotFoundError"):
        load_task(f"{tmp_path}/broken_task.py:task")


def test_a_file_or_a_function_that_ends_the_process_is_an_error_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "parsing_task.py").write_text("import argparse\nargparse.ArgumentParser().parse_args(['--lr'])\n")
    with pytest.raises(TaskError, match=r"could not be imported: SystemExit: 2 .*parsing_task\.py, line 2"):
        load_task(f"{tmp_path}/parsing_task.py:task")
    (tmp_path / "exiting_task.py").write_text("import sys\ndef task():\n    sys.exit(0)\n")
    with pytest.raises(TaskError, match=r"raised SystemExit: 0 .*line 3"):
        load_task(f"{tmp_path}/exiting_task.py:task")


def test_a_metric_is_a_name_or_a_function_in_a_file(tmp_path: Path) -> None:
    assert load_metric("macro-f1") == "macro-f1"
    (tmp_path / "mine.py").write_text("def error(logits, labels):\n    return logits.argmax(1) != labels\n")
    assert load_metric(f"{tmp_path}/mine.py:error").__name__ == "error"
    with pytest.raises(InputError, match="has no function 'err'; it defines: error"):
        load_metric(f"{tmp_path}/mine.py:err")
    with pytest.raises(MissingFileError, match="no such file"):
        load_metric(f"{tmp_path}/yours.py:error")


def test_a_file_that_was_named_like_a_module_is_offered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my_own_task.py").write_text("def task(): ...")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place])
    with pytest.raises(TaskError, match=r"to take the file that is here, write my_own_task\.py$"):
        load_task("my_own_task:task")
