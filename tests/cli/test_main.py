"""Exit codes, and what is said when a command ends early."""

import click
import pytest
from helpers.command_line import run


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "the same command goes on from there:\n  radin searchers"),
        (click.Abort(), 130, "the same command goes on"),
        (EOFError("Ran out of input"), 2, "(EOFError: Ran out of input)\n"),
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
