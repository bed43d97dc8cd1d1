"""Calls of the command line, for the tests."""

from pathlib import Path

import pytest

from radin.cli import main

#: The small pool as a task file.
SMALL = Path(__file__).with_name("small.py")


def run(capsys: pytest.CaptureFixture, *arguments: object) -> tuple[int, str, str]:
    """Exit code, standard output and standard error of one call."""
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err
