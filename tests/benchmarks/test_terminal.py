"""Tables and `KEY=VALUE` arguments of the benchmarks."""

import pytest

import radin
from benchmarks.terminal import pairs, print_table


def test_a_table_shows_every_cell_in_full(capsys: pytest.CaptureFixture) -> None:
    print_table("pools", ["name", "score"], [["digits", "+0.03"], ["[bold]many", "-0.25"]], numbers=[1])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].rstrip() == "pools"
    assert [line.strip("│ ").split() for line in lines if "0." in line] == [
        ["digits", "│", "+0.03"],
        ["[bold]many", "│", "-0.25"],
    ]


def test_pairs() -> None:
    assert pairs(["a=1", "b=x=y", "c="], "--option") == {"a": "1", "b": "x=y", "c": ""}


@pytest.mark.parametrize("given", [["a"], ["=1"], ["a=1", "a=2"]])
def test_a_bad_pair_is_refused(given: list[str]) -> None:
    with pytest.raises(radin.errors.InputError, match="--option"):
        pairs(given, "--option")
