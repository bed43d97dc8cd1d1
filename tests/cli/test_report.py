"""`radin report`: pages of finished runs."""

import shutil
from pathlib import Path

import pytest
from helpers.command_line import refused, run


@pytest.mark.usefixtures("wide")
def test_a_page_of_an_older_folder_is_made(capsys: pytest.CaptureFixture, finished: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    shutil.copy(finished / "leaderboard.json", folder)
    code, out, _ = run(capsys, "report", folder)
    assert (code, out) == (0, f"Report: {folder / 'report.html'}\n")
    assert "<h1>" in (folder / "report.html").read_text()


def test_several_runs_are_one_page(capsys: pytest.CaptureFixture, finished: Path, tmp_path: Path) -> None:
    shutil.copytree(finished, tmp_path / "other")
    code, _, _ = run(capsys, "report", finished, tmp_path / "other", "-o", tmp_path / "both.html")
    assert code == 0
    assert "2 runs" in (tmp_path / "both.html").read_text()


def test_bad_input_is_refused(capsys: pytest.CaptureFixture, finished: Path, tmp_path: Path) -> None:
    assert "give the folder of a run" in refused(capsys, "report")
    assert "a page is written as .html" in refused(capsys, "report", finished, "-o", tmp_path / "page.pdf")
    assert "is no run folder" in refused(capsys, "report", tmp_path)
