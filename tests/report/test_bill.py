"""The bill counts passes, and sets them beside those of other ways."""

import dataclasses
from pathlib import Path

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
    assert "8.25 for 20 ingredients, 5 of them in full" in raced.text
