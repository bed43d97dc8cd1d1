"""Parameters that would mend an error, as the command that was called would take them."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from radin.cli.mending import called, error_text, named_task, with_flags
from radin.cli.screen import show_warnings
from radin.errors import IncompatibleError
from radin.tasks.load import call_function


@pytest.mark.parametrize(
    ("given", "mend", "tried"),
    [
        (["soup", "a.pt"], {"weights": "ema"}, "Try --weights ema."),
        (["soup"], {"batch_size": 8, "device": "cpu"}, "Try --batch-size 8 --device cpu."),
        (["soup"], {"calibrate": False}, "Try --no-calibrate."),
        (["soup"], {"path": "two words.safetensors"}, "Try --output 'two words.safetensors'."),
        (["soup"], {"classes": "FILE"}, "Try --task-arg classes=FILE."),
        (["average"], {"classes": "FILE"}, "Try classes=FILE."),
        (["rank"], {"labels": "FILE"}, "Try --labels FILE."),
        (["rank"], {"samples": "all"}, "Try --samples all."),
    ],
)
def test_a_parameter_is_written_as_the_flag_of_the_command(given: list[str], mend: dict, tried: str) -> None:
    error = IncompatibleError("it does not fit.").mended_by(**mend)
    assert error_text(error, called(given)) == f"it does not fit. {tried}"


def test_an_argument_is_offered_to_tasks_that_take_it_alone(tmp_path: Path) -> None:
    (tmp_path / "of_ones_own.py").write_text("def plain(): ...\ndef listed(classes=None): ...\n")
    error = IncompatibleError("it does not fit.").mended_by(classes="FILE", weights="ema")
    for function, tried in ("plain", "Try --weights ema."), ("listed", "Try --task-arg classes=FILE --weights ema."):
        spec = f"{tmp_path / 'of_ones_own.py'}:{function}"
        call_function(spec)
        for given in (["soup", "a.pt", "--task", spec], ["soup", f"--task={spec}", "a.pt"]):
            assert named_task(given) == spec
            assert error_text(error, called(given), named_task(given)) == f"it does not fit. {tried}"
    assert "classes" in error_text(error, called(["soup"]), named_task(["soup", "--task", "not/loaded.py:task"]))


def test_without_a_command_a_parameter_is_written_as_python_does() -> None:
    assert called(["--version"]) is called(["nothing"]) is called([]) is None
    assert with_flags("No.", {"weights": "ema"}, None) == "No. Try weights='ema'."
    assert with_flags("No.", {}, called(["soup"])) == "No."


def test_a_finding_is_printed_with_its_flags(capsys: pytest.CaptureFixture) -> None:
    finding = SimpleNamespace(
        ingredient=None, message="It is far.", mend={"batchnorm": "recompute"}, text="It is far. Try in Python."
    )
    show_warnings([finding], called(["soup"]))  # type: ignore[list-item]
    assert capsys.readouterr().out == "Warning: It is far. Try --batchnorm recompute.\n"
