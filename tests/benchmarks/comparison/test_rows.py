"""The file of runs."""

from pathlib import Path

from benchmarks.comparison.rows import IDENTITY, Row, Rows


def row(replicate: int, error: str | None = None, **outcome: object) -> Row:
    return dict.fromkeys(IDENTITY) | {"replicate": replicate, "error": error} | outcome


def test_runs_are_found_again_and_failed_ones_are_not(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "out" / "runs.jsonl")
    assert not rows.has(row(0))
    rows.add(row(0, score=0.5))
    rows.add(row(1, error="not today"))
    for again in (rows, Rows(rows.path)):
        assert again.has(row(0))
        assert not again.has(row(1))
        assert not again.has(row(2))


def test_the_last_row_of_a_run_counts(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "runs.jsonl")
    rows.add(row(1, error="not today"))
    rows.add(row(1, score=0.7))
    assert [(one["error"], one["score"]) for one in Rows(rows.path)] == [(None, 0.7)]


def test_a_line_that_was_cut_short_is_passed_over_and_spoils_no_other(tmp_path: Path) -> None:
    rows = Rows(tmp_path / "runs.jsonl")
    rows.add(row(0))
    rows.add(row(1))
    rows.path.write_bytes(rows.path.read_bytes()[:-20])
    resumed = Rows(rows.path)
    assert (resumed.has(row(0)), resumed.has(row(1))) == (True, False)
    resumed.add(row(1))
    assert [one["replicate"] for one in Rows(rows.path)] == [0, 1]
