"""What the commands print stays readable: in a log, in a narrow terminal, with long recipes."""

import pytest
from rich.console import Console

from radin.cli import screen
from radin.cli.screen import folded, print_table

COLUMNS, ROWS = ["", "accuracy", "size"], [["1", "0.9100", "30"], ["2", "0.9000", "2"]]
LONG, SHORT = " + ".join(f"run-{i:02d}" for i in range(30)), "run-00 + run-01"


@pytest.fixture(params=[False, True], ids=["log", "terminal-80"])
def width(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """Of what is printed to: a file or a pipe, or a terminal of 80 columns."""
    if request.param:
        monkeypatch.setattr(screen, "output", lambda: Console(width=80, force_terminal=True, color_system=None))
    return 80 if request.param else screen.PLAIN_WIDTH


def test_short_recipes_stand_in_the_table(capsys: pytest.CaptureFixture, width: int) -> None:
    print_table("soups", COLUMNS, ROWS, range(3), recipes=[SHORT, SHORT])
    lines = capsys.readouterr().out.splitlines()
    assert sum(f"│ {SHORT} │" in line for line in lines) == 2
    assert max(map(len, lines)) <= width


def test_long_recipes_stand_below_it_and_are_whole(capsys: pytest.CaptureFixture, width: int) -> None:
    print_table("soups", COLUMNS, ROWS, range(3), recipes=[LONG, SHORT])
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if "0.9100" in line] == ["│ 1 │   0.9100 │   30 │"]
    below = " ".join(out[out.index("└") :].split())
    assert below.endswith(f"1: {LONG} 2: {SHORT}")


def test_nothing_is_cut_off_or_squeezed(capsys: pytest.CaptureFixture, width: int) -> None:
    numbers, words = [f"{i / 7:.12f} ± {i}" for i in range(30)], "of the first kind"
    print_table("wide", ["method", *(f"column {i}" for i in range(30))], [[words, *numbers]], range(1, 31))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) > width
    assert all(f" {cell} │" in out for cell in [words, *numbers])


def test_names_are_folded_and_printed_as_they_are(capsys: pytest.CaptureFixture) -> None:
    name = "[bold]:smile:" + "x" * 200
    print_table("names", ["name"], [[name]])
    cells = [line.strip("│ ") for line in capsys.readouterr().out.splitlines() if line.startswith("│")]
    assert "".join(cells) == name


def test_a_name_longer_than_a_line_is_kept_whole() -> None:
    assert folded(f"1: {'a-b' * 40} + c", 60).split() == ["1:", "a-b" * 40, "+", "c"]
