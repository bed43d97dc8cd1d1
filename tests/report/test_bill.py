"""The bill counts passes, and sets them beside those of other ways."""

import dataclasses
import re
from pathlib import Path

import pytest
from helpers.command_line import SMALL, run
from helpers.unequal import SAMPLES, make_unequal_pool

from radin.report.bill import Bill
from radin.report.record import Record


def test_the_bill_of_a_run_in_full(finished: Path) -> None:
    bill = Bill.of(Record.read(finished))
    assert (bill.ingredients, bill.in_full, bill.passes, bill.soups) == (5, 5, 5.0, 4)
    assert dict(bill.ways) == {"this run": 9.0, "greedy soup": 9.0}
    assert bill.text == (
        "Cost: 9 passes over the selection data, 5 for 5 ingredients and 4 for real soups; the greedy soup would have "
        "taken 9."
    )


def test_a_race_is_set_beside_a_run_without_one(finished: Path) -> None:
    raced = dataclasses.replace(Bill.of(Record.read(finished)), ingredients=20, passes=8.25)
    assert dict(raced.ways) == {"this run": 12.25, "RADIN without a race": 24.0, "greedy soup": 39.0}
    assert "Cost: 12.25 passes over the selection data, 8.25 for 20 ingredients (5 of them in full) and 4" in raced.text


def test_a_race_after_a_run_in_full_saves_nothing(finished: Path) -> None:
    later = dataclasses.replace(Bill.of(Record.read(finished)), raced=3)
    assert "5 for 5 ingredients (all of them in full, in an earlier run) and 4 for real soups" in later.text
    assert "RADIN without a race" not in dict(later.ways)


def test_ingredients_of_an_earlier_pool_are_not_taken_for_those_of_this_one(finished: Path) -> None:
    later = dataclasses.replace(Bill.of(Record.read(finished)), ingredients=3, raced=3)
    assert "5 for 3 ingredients (and for others, of an earlier pool) and 4 for real soups" in later.text
    begun = dataclasses.replace(later, in_full=3, passes=3.25)
    assert "3.25 for 3 ingredients (and for others, of an earlier pool) and 4 for real soups" in begun.text


@pytest.mark.usefixtures("wide")
def test_all_lines_of_a_bill_say_the_same_of_passes(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    pool = make_unequal_pool(tmp_path)
    soup = ["soup", *pool, "--task", f"{SMALL}:task", "--task-arg", f"samples={SAMPLES}", "--soups", 1]
    for folder, before in (("raced", ()), ("both", ("--no-race",))):
        for race in (*before, "--race"):
            code, out, err = run(capsys, *soup, race, "--run-dir", tmp_path / folder)
            assert code == 0, err
        said = " ".join(out.split())
        (worth,) = re.findall(r"([0-9.]+) for 6 ingredients", said)
        assert f"in this folder: {worth} passes of ingredients (" in said
        full = "3 of them in full" if folder == "raced" else "all of them in full, in an earlier run"
        assert f"{worth} for 6 ingredients ({full}) and 1 for real soups" in said
        assert f"Cost: {float(worth) + 1:g} passes" in said
        assert (worth == "6") is (folder == "both")
