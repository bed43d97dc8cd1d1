"""Pictures are drawn from the tables of the page that shows them."""

import math
from pathlib import Path

import pytest
from helpers.paths import ROOT

from benchmarks.comparison.tables import markdown
from benchmarks.speed.kernel_display import LOOKS, apart
from benchmarks.studies import page_pictures
from benchmarks.studies.bills import BEST, GREEDY, HEAD, Spot, read_spots
from benchmarks.studies.page_pictures import METHODS, found, four_soups, number, prior, tables
from benchmarks.studies.surrogate import MARKS

PAGE = tables((ROOT / "docs" / "results.md").read_text(encoding="utf-8"))


def test_tables_are_found_by_their_columns_and_heading() -> None:
    page = tables(
        "# One\n\n| a | b |\n| --- | ---: |\n| x | 1 |\n\ntext | with a bar\n\n## Two\n| a | c |\n| --- | --- |\n"
    )
    assert page == [("One", [["a", "b"], ["x", "1"]]), ("Two", [["a", "c"]])]
    assert found(page, ["a"], under="Two") == [["a", "c"]]
    with pytest.raises(ValueError, match="no table with the columns a, d"):
        found(page, ["a", "d"])


def test_the_bills_of_the_page_are_read_as_they_were_written() -> None:
    table = found(PAGE, HEAD)
    spots = read_spots(table[1:])
    assert len(spots) == len(table) - 1
    greedy = {one.pool: one for one in spots if one.way == GREEDY}
    best = {one.pool: one for one in spots if one.way == BEST}
    assert greedy.keys() == best.keys()
    assert all(greedy[pool].bill == 2 * best[pool].bill - 1 for pool in best)
    lines = [["tiny", "all passes", "tempered", "4", "1", "9.0", "-0.50"]]
    (one,) = read_spots(tables(markdown(HEAD, lines, texts=3))[0][1][1:])
    assert one == Spot("tiny", "all passes", "tempered", 4, 1, 9.0, -0.5, one.half) and math.isnan(one.half)


def test_a_picture_has_five_lines_at_most_and_the_values_of_its_table() -> None:
    table = found(PAGE, ("method", "digits"), under="Four real soups")
    (axes,) = four_soups(table).axes
    drawn = {line.get_label(): list(line.get_xdata()) for line in axes.lines if line.get_label()[0] != "_"}
    assert list(drawn) == [label for label, _, _ in METHODS.values()] and len(drawn) <= 5
    default = next(line for line in table if line[0].startswith("**"))
    assert drawn["radin's default"] == [number(cell) for cell in default[1 : len(drawn["radin's default"]) + 1]]
    assert any("−61" in text.get_text() for text in axes.texts)  # the uniform soup that stands at the edge


def test_lines_against_lambda_are_those_of_the_table() -> None:
    table = found(PAGE, ("pool", "B", "λ = 0"))
    figure = prior(table)
    first, values = figure.axes[0], next(line[2:] for line in table if line[:2] == ["digits", "1"])
    assert first.get_title() == "digits"
    assert list(first.lines[1].get_ydata()) == [number(cell) for cell in values]
    assert list(first.lines[2].get_xdata()) == [i for i, cell in enumerate(values) if cell.endswith("*")]


def test_all_pictures_are_drawn(tmp_path: Path) -> None:
    assert page_pictures.main(["--out", str(tmp_path)]) == 0
    assert {path.name for path in tmp_path.iterdir()} == {
        "bills.png",
        "four-soups.png",
        "kernels.png",
        "prior.png",
        "surrogate.png",
    }


def test_lines_of_the_picture_of_cost_are_told_apart_by_marks_and_dashes() -> None:
    assert len(LOOKS) <= 5
    for field in ("label", "mark", "dashes", "colour"):
        assert len({getattr(look, field) for look in LOOKS.values()}) == len(LOOKS)
    assert {mark for _, mark, _ in MARKS.values()} == {"^", "o", "s"}


def test_names_of_lines_that_end_together_are_moved_apart() -> None:
    assert apart([0.1, 0.5, 0.9], 0.1) == [0.1, 0.5, 0.9]
    assert apart([0.2, 0.2, 0.8], 0.1) == pytest.approx([0.15, 0.25, 0.8])
    assert apart([0.2, 0.3, 0.3], 0.1) == pytest.approx([0.2667 - 0.1, 0.2667, 0.2667 + 0.1], abs=1e-3)
