"""Pictures of diagnoses."""

from pathlib import Path

import numpy as np
from helpers.small import task
from PIL import Image

import radin
from radin.report.diagnosis import diagnose
from radin.report.picture import draw_diagnosis


def test_names_that_look_like_formulas_are_drawn(checkpoints: list[Path], tmp_path: Path) -> None:
    names = ["$\\frac$", "a$", "_{", "50 %", "x^2"]
    draw_diagnosis(diagnose(radin.Pool(checkpoints, names)), tmp_path / "seen.png")
    assert (tmp_path / "seen.png").exists()


def test_long_names_are_cut_to_their_room(checkpoints: list[Path], tmp_path: Path) -> None:
    names = [f"{i} averyveryverylongnamewithoutanyspaceatall{'x' * 60}" for i in range(5)]
    draw_diagnosis(diagnose(radin.Pool(checkpoints, names)), tmp_path / "seen.png")
    with Image.open(tmp_path / "seen.png") as drawn:
        assert drawn.size == (720, 552)
        ink = np.asarray(drawn.convert("L"))
    assert (ink[:, :3] > 250).all(), "no name reaches beyond the edge"


def test_gaps_are_drawn_where_soups_were_verified(checkpoints: list[Path], tmp_path: Path) -> None:
    found = diagnose(radin.Pool(checkpoints), task(), run_dir=tmp_path / "run", soups=2)
    draw_diagnosis(found, tmp_path / "seen.png")
    assert found.verified
    with Image.open(tmp_path / "seen.png") as drawn:
        assert drawn.size[0] == 1320
