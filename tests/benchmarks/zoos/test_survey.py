"""The survey of a pool."""

import radin
from benchmarks.zoos import broken, survey


def test_the_survey_tells_of_singles_and_soups(bad, tmp_path):
    pool = radin.Pool(bad[:2])
    start = bad[0].parent / "pretrained" / "pretrained.safetensors"
    name, count, *cells = survey.survey("broken", pool, broken.task(), start, tmp_path / "run")
    assert (name, count) == ("broken", "2") and len(cells) == len(survey.COLUMNS)
    worst, mean, best = (float(cell.split(" / ")[0]) for cell in cells[1:4])
    assert worst <= mean <= best
    assert worst == round(100 * min(accuracy_of(radin.Verifier(pool, broken.task(), tmp_path / "run"))), 2)
    assert cells[4].endswith("(2)")


def accuracy_of(verifier):
    with verifier:
        return verifier.solo
