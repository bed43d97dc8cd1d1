"""Means, intervals and tables of a comparison."""

import pytest

from benchmarks.comparison import tables


def test_differences_are_paired_within_replicates() -> None:
    easy_and_hard = [0.9, 0.5]
    ours = {r: {"held_out": score + 0.01} for r, score in enumerate(easy_and_hard)}
    theirs = {r: {"held_out": score} for r, score in enumerate([*easy_and_hard, 0.1])}
    difference = tables.paired(ours, theirs, "held_out")
    assert difference is not None
    assert difference.value == pytest.approx(0.01)
    assert difference.half == pytest.approx(0, abs=1e-9)
    assert difference.count == 2
    assert tables.Mean.of([1.0, 3.0]).half == pytest.approx(12.7062, rel=1e-4)  # t(0.975, 1) · √2 / √2
    assert tables.Mean.of([1.0]).show() == "100.00 ± ?"


def test_pools_stand_side_by_side_in_standard_errors() -> None:
    def row(method: str, held_out: float, replicate: int, zoo: str) -> dict:
        of = {"zoo": zoo, "store": "s", "batchnorm": "average", "part": 1.0, "pool_size": 4, "n": 4}
        kind = "baseline" if method == tables.REFERENCE else "searcher"
        more = {
            "kind": kind,
            "lam": 1.0,
            "candidates": 1,
            "options": {},
            "samples_reporting": 9,
            "standard_error": 0.02,
            "criterion": "metric",
        }
        outcome = {"soups": None if kind == "baseline" else 4, "held_out": held_out, "error": None, "skipped": None}
        return of | more | outcome | {"method": method, "replicate": replicate}

    rows = [row(tables.REFERENCE, 0.9 + r / 100, r, zoo) for r in range(3) for zoo in ("a", "b")]
    rows += [row("good", 0.91 + r / 100, r, zoo) for r in range(3) for zoo in ("a", "b")]
    rows += [row("half", 0.86 + r / 100, r, "b") for r in range(3)]
    columns, lines = tables.across(tables.by_setting(rows), 4)
    assert columns == ["method", "a", "b", "mean", "worst"]
    assert lines[0] == ["good, λ = 1", "+0.50*", "+0.50*", "+0.50", "+0.50"]
    assert lines[-1] == ["half, λ = 1", "", "-2.00*", "", ""]


def test_a_table_as_markdown() -> None:
    assert tables.markdown(["pool", "score"], [["digits", "+0.03"]]).splitlines() == [
        "| pool | score |",
        "| --- | ---: |",
        "| digits | +0.03 |",
    ]
