"""Real soups stand beside what averaged logits and calibration promised."""

import json
from typing import Any

import pytest

from radin.common.wording import decimal
from radin.report.page.plot import Plot
from radin.report.page.surrogate import surrogate_plots
from radin.report.record import Record

#: What the key says of the marks of calibration.
CALIBRATED = ("diamond expected", "calibrated: what the soups before it led to expect")


def changed(record: Record, promises: list[dict[str, Any] | None], **values: Any) -> Record:
    """The record of a run whose soups were chosen for other scores."""
    document = json.loads(json.dumps(dict(record.document)))
    soups = [one | {"promise": promise} for one, promise in zip(document["verified"], promises, strict=True)]
    return Record(document | {"verified": soups} | values, record.folder)


def numbers(made: Plot) -> list[float]:
    return [float(row.value.replace("−", "-")) for row in made.rows]


def test_real_soups_stand_beside_what_was_promised(record: Record) -> None:
    made, chosen = surrogate_plots(record)
    assert made.heading == "accuracy" and "log-likelihood, by which soups were chosen" in chosen.heading
    assert numbers(made) == [round(one.value - one.promised, 4) for one in record.verified]
    promises = [one.promise for one in record.verified]
    assert numbers(chosen) == [round(one.real - one.averaged, 4) for one in promises if one]
    assert all(row.marks.count('class="band"') == 1 for row in [*made.rows, *chosen.rows])


def test_calibration_stands_where_it_was_learnt(record: Record) -> None:
    made, chosen = surrogate_plots(record)
    assert [row.marks.count('class="expected"') for row in made.rows] == [0, 0, 0, 0]
    assert [row.marks.count('class="expected"') for row in chosen.rows] == [0, 1, 1, 1]  # nothing before the first
    promise = record.verified[1].promise
    assert promise is not None
    said = f"averaged logits {decimal(promise.averaged)}, calibrated {decimal(promise.corrected)}, real"
    assert f"{said} {decimal(promise.real)}" in chosen.rows[1].marks
    assert CALIBRATED in chosen.key and CALIBRATED not in made.key


def test_a_run_that_knows_no_promises_has_no_marks_of_calibration(record: Record) -> None:
    (made,) = surrogate_plots(changed(record, [None] * 4))
    assert numbers(made) == [round(one.value - one.promised, 4) for one in record.verified]
    assert CALIBRATED not in made.key


@pytest.mark.parametrize(("higher", "sign"), [(True, 1), (False, -1)])
def test_the_metric_as_criterion_has_one_plot_in_its_own_values(record: Record, higher: bool, sign: int) -> None:
    promise = {"averaged": sign * 0.9, "real": sign * 0.8, "error": 0.01, "corrected": sign * 0.85}
    one = changed(record, [promise] * 4, criterion="metric", higher_is_better=higher)
    (made,) = surrogate_plots(one)
    assert made.heading == ""
    assert all("calibrated 0.8500" in row.marks for row in made.rows)


def test_soups_without_averaged_logits_are_left_out(record: Record) -> None:
    verified = [dict(one) | {"ensemble_value": None, "promise": None} for one in record.document["verified"]]
    assert surrogate_plots(Record(dict(record.document) | {"verified": verified}, record.folder)) == []
    assert surrogate_plots(Record(dict(record.document) | {"verified": []}, record.folder)) == []
