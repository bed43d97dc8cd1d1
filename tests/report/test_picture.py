"""Pictures of diagnoses."""

from pathlib import Path

import radin
from radin.report.diagnosis import diagnose
from radin.report.picture import draw_diagnosis


def test_names_that_look_like_formulas_are_drawn(checkpoints: list[Path], tmp_path: Path) -> None:
    names = ["$\\frac$", "a$", "_{", "50 %", "x^2"]
    draw_diagnosis(diagnose(radin.Pool(checkpoints, names)), tmp_path / "seen.png")
    assert (tmp_path / "seen.png").exists()
