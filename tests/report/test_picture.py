"""Pictures of runs and of diagnoses."""

from pathlib import Path

from helpers.small import task
from PIL import Image

import radin
from radin.report.diagnosis import diagnose
from radin.report.picture import draw_diagnosis, draw_run
from radin.scoring.metrics import get_metric


def test_names_that_look_like_formulas_are_drawn(checkpoints: list[Path], tmp_path: Path) -> None:
    names = ["$\\frac$", "a$", "_{", "50 %", "x^2"]
    draw_diagnosis(diagnose(radin.Pool(checkpoints, names)), tmp_path / "seen.png")
    assert (tmp_path / "seen.png").exists()


def test_a_run_is_drawn_with_its_search(checkpoints: list[Path], tmp_path: Path) -> None:
    """Both for a metric that is better when higher and for a loss, with many candidates and with few."""
    pool = radin.Pool(checkpoints)
    for metric, candidates, criterion in (("accuracy", 20, "likelihood"), ("nll", 2, "metric")):
        one, budget = task(metric=metric), radin.Budget(candidates=candidates, soups=1)
        result = radin.make_soup(pool, one, run_dir=tmp_path / metric, budget=budget, criterion=criterion)
        with radin.Verifier(pool, one, tmp_path / metric) as verifier:
            shortlist = radin.search("forward", radin.Surrogate(verifier.bank, metric), budget)
        draw_run(result, shortlist, get_metric(metric), tmp_path / f"{metric}.png")
        with Image.open(tmp_path / f"{metric}.png") as drawn:
            assert drawn.size == (1200, 480)
