"""Calls of the command line, for the tests."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from radin.cli import main

#: The small pool as a task file.
SMALL = Path(__file__).with_name("small.py")


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one call."""
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def refused(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """The message of a call that has to end with exit code 2 and without a traceback."""
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    captured = capsys.readouterr()
    assert ended.value.code == 2, captured
    assert "Traceback" not in captured.err
    return " ".join(captured.err.split())


def changed(path: Path, **tensors: torch.Tensor) -> None:
    """Replaces tensors of a checkpoint; `None` removes one."""
    state = load_file(path) | {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    save_file({name: tensor for name, tensor in state.items() if tensor is not None}, path)
