"""`radin export`: studies and recipes of a finished run."""

from pathlib import Path

import pytest
from helpers.command_line import refused, run


@pytest.mark.usefixtures("wide")
def test_a_run_is_exported(capsys: pytest.CaptureFixture, finished: Path, tmp_path: Path) -> None:
    study, recipe = tmp_path / "study.db", tmp_path / "recipe.yaml"
    code, out, _ = run(capsys, "export", finished, "--optuna", study, "--mergekit", recipe)
    assert code == 0
    assert study.exists() and recipe.exists()
    assert f"Studies of Optuna: {study} ('run' and 'run, averaged logits')" in out


def test_bad_input_is_refused(capsys: pytest.CaptureFixture, finished: Path, tmp_path: Path) -> None:
    assert "give a format to export to" in refused(capsys, "export", finished)
    assert "is written as .yaml" in refused(capsys, "export", finished, "--mergekit", tmp_path / "recipe.json")
    assert "a study is written as .db" in refused(capsys, "export", finished, "--optuna", tmp_path / "study.txt")
    assert "is no run folder" in refused(capsys, "export", tmp_path, "--optuna", tmp_path / "study.db")
