"""Tables of the benchmarks."""

import pytest

from benchmarks.terminal import print_table


def test_a_table_shows_every_cell_in_full(capsys: pytest.CaptureFixture) -> None:
    print_table("pools", ["name", "score"], [["digits", "+0.03"], ["[bold]many", "-0.25"]], numbers=[1])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].rstrip() == "pools"
    assert [line.strip("│ ").split() for line in lines if "0." in line] == [
        ["digits", "│", "+0.03"],
        ["[bold]many", "│", "-0.25"],
    ]
