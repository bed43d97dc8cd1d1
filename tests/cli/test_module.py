"""`python -m radin`, in a process of its own."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [(["--help"], 0, "Usage: radin [OPTIONS]"), (["rank"], 2, "Usage: radin rank [OPTIONS]"), (["soop"], 2, "soup")],
)
def test_the_module_is_the_command(arguments: list[str], code: int, says: str) -> None:
    ended = subprocess.run([sys.executable, "-m", "radin", *arguments], capture_output=True, text=True)
    assert ended.returncode == code, ended.stderr
    assert says in ended.stdout + ended.stderr
