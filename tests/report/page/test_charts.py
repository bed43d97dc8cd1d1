"""Plots show the numbers of the record."""

import dataclasses

from radin.common.wording import decimal
from radin.report.bill import Bill
from radin.report.entries import Interval
from radin.report.page.charts import bill_plot, class_plot, selection_plot, unseen_plot
from radin.report.record import Record


def test_unseen_data_have_a_whisker_for_each_network(record: Record) -> None:
    one = record.unseen[0]
    made = unseen_plot(one, record, "test set")
    expected = [*[one.winner, one.best_ingredient][: 1 + record.winner.is_soup], *one.baselines.values()]
    assert [row.value for row in made.rows] == [decimal(each.value) for each in expected]
    assert f"{decimal(one.winner.low)} to {decimal(one.winner.high)}" in made.rows[0].marks
    control = dataclasses.replace(one, control=one.best_ingredient)
    assert made.rows[-1].name == "uniform soup"
    names = [row.name for row in unseen_plot(control, record, "").rows]
    assert len(names) == len(made.rows) + 1 and "the same with recomputed statistics" in names


def test_a_baseline_that_is_far_worse_is_said_to_stand_at_the_end(record: Record) -> None:
    one, end = record.unseen[0], ("ingredient dot", "at the very end: those that are far worse")
    far = dataclasses.replace(one, baselines={"uniform soup": Interval(-50.0, -51.0, -49.0)})
    assert end in unseen_plot(far, record, "").key
    near = dataclasses.replace(one, baselines={"uniform soup": one.best_ingredient})
    assert end not in unseen_plot(near, record, "").key


def test_soups_stand_above_their_members_and_noise(record: Record) -> None:
    made = selection_plot(record, {})
    soups = [one for one in record.leaderboard if one.is_soup]
    assert len(made.rows) == len(soups) + 1
    for row, soup in zip(made.rows, soups, strict=False):
        assert row.marks.count("tick ingredient") == soup.size
        assert row.marks.count('class="band"') == 1
        assert row.value == decimal(soup.value)
    assert made.rows[-1].marks.count("tick ingredient") == 5


def test_what_is_far_worse_does_not_press_the_rest_together(record: Record) -> None:
    document = dict(record.document)
    single = document["leaderboard"][-1]
    document["leaderboard"] = [*document["leaderboard"], single | {"recipe": {"diverged": 1.0}, "value": -1000.0}]
    made = selection_plot(Record(document, record.folder), {})
    assert ("tick ingredient", "at the very end: those that are far worse") in made.key
    assert "−1000" not in made.below


def test_classes_have_gains_above_losses_and_signs() -> None:
    rows = [
        {"class": "cat", "samples": 9, "winner": 5, "best_ingredient": 7},
        {"class": "dog", "samples": 9, "winner": 8, "best_ingredient": 5},
    ]
    made = class_plot({"rows": rows})
    assert [(row.name, row.value) for row in made.rows] == [("dog", "+3 of 9"), ("cat", "−2 of 9")]


def test_the_bill_stands_beside_other_ways(record: Record) -> None:
    bill = Bill.of(record)
    assert [row.value for row in bill_plot(bill).rows] == ["9", "9"]
    assert [row.name for row in bill_plot(dataclasses.replace(bill, in_full=3)).rows][1] == "RADIN without a race"


def test_a_soup_of_infinite_perplexity_has_no_band_of_noise(record: Record) -> None:
    soup = dict(next(one for one in record.document["leaderboard"] if one["size"] > 1))
    soup |= {"value": float("inf"), "ahead": float("-inf"), "ahead_error": float("nan"), "gap_error": float("nan")}
    ingredients = [one for one in record.document["leaderboard"] if one["size"] == 1]
    document = dict(record.document) | {"leaderboard": [*ingredients, soup], "higher_is_better": False}
    (drawn, _) = selection_plot(Record(document, record.folder), {}).rows
    assert 'class="band"' not in drawn.marks and "nan" not in drawn.marks
    assert drawn.value == "inf"
