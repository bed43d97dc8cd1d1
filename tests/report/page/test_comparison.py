"""Several runs stand side by side, if they were scored by one metric."""

import dataclasses
from pathlib import Path

import pytest

from radin.errors import InputError
from radin.report.page.comparison import comparison, run_names, write_comparison
from radin.report.record import Record


def test_runs_stand_side_by_side(record: Record, hostile: Record, tmp_path: Path) -> None:
    other = dataclasses.replace(hostile, folder=Path("elsewhere/run"))
    html = write_comparison([record, other], tmp_path / "runs.html").read_text()
    assert "2 runs, scored by accuracy" in html
    assert "elsewhere/run" in html
    assert "<script" not in html
    assert html.count("<dt>") == 2
    assert html.count("B = ") == html.count(f"chosen by {record.criterion}") == 2
    plain = dataclasses.replace(other, document=dict(record.document) | {"criterion": "metric"})
    assert "chosen by accuracy" in comparison([record, plain])


def test_names_of_runs_are_short_and_different(record: Record) -> None:
    runs = [dataclasses.replace(record, folder=Path(one)) for one in ("/a/x/run", "/a/y/run", "/a/y/other")]
    assert run_names(runs) == ["x/run", "y/run", "y/other"]
    assert run_names([runs[0], runs[2]]) == ["run", "other"]
    assert len({*run_names([record, record])}) == 2


def test_one_run_and_two_metrics_are_refused(record: Record) -> None:
    with pytest.raises(InputError, match="of two or more, got 1"):
        comparison([record])
    other = Record(dict(record.document) | {"metric": "nll"}, Path("other"))
    with pytest.raises(InputError, match="scored by different metrics"):
        comparison([record, other])


def test_long_names_of_runs_are_told_apart_by_their_ends(record: Record) -> None:
    """A verdict has the whole name; a plot has room for the part that differs."""
    folders = [f"clip-vit-base-patch32-sweep-of-learning-rates-{i}" for i in range(3)]
    html = comparison([dataclasses.replace(record, folder=Path("/runs") / folder) for folder in folders])
    for i, folder in enumerate(folders):
        assert html.count(f"<dt>{folder}</dt>") == html.count(folder) == 1
        assert html.count(f'<span class="name" title="…{i}">…{i}</span>') == 2, "unseen data and cost"
