"""The winner of the procedure by each criterion and metric."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.small import task

import radin
from radin.errors import InputError
from radin.report.verified_soup import DIGITS
from radin.scoring.criterion import criterion_of
from radin.scoring.criterion_default import CRITERIA


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


@pytest.mark.parametrize("metric", ["accuracy", "balanced-accuracy", "nll"])
def test_never_worse_than_the_best_ingredient(pool: radin.Pool, tmp_path: Path, metric: str) -> None:
    settings = {"criterion": "metric", "budget": radin.Budget(soups=2), "run_dir": tmp_path / "run"}
    result = radin.make_soup(pool, task(metric=metric), **settings)
    sign = -1 if metric == "nll" else 1
    with radin.Verifier(pool, task(metric=metric), tmp_path / "run") as verifier:
        assert result.best.score >= verifier.solo.max()
        assert result.best_ingredient.score == verifier.solo.max()
    assert result.best.value == sign * result.best.score
    assert result.report.winner.low <= result.report.winner.value <= result.report.winner.high
    assert result.metric in result.verdict


@pytest.mark.parametrize("criterion", ["likelihood", "tempered"])
def test_the_winner_is_never_worse_by_the_criterion(pool: radin.Pool, tmp_path: Path, criterion: str) -> None:
    settings = {"criterion": criterion, "budget": radin.Budget(soups=3), "run_dir": tmp_path / "run"}
    result = radin.make_soup(pool, task(), **settings)
    judge = criterion_of(criterion, task().scored_by)
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        by = {
            one.recipe: round(judge.score(verifier.selection_logits(one.recipe), verifier.bank.labels), DIGITS)
            for one in result.leaderboard
        }
        right = {one: verifier.score(one) for one in by}
    assert [one.recipe for one in result.leaderboard] == sorted(by, key=lambda one: (by[one], right[one]), reverse=True)
    assert [one.deciding for one in result.leaderboard] == [by[one.recipe] for one in result.leaderboard]
    assert [one.value for one in result.leaderboard] == [right[one.recipe] for one in result.leaderboard]
    assert result.best_ingredient.score == max(right[one] for one in by if one.size == 1)
    assert (result.criterion, result.settings["criterion"], result.metric) == (criterion, criterion, "accuracy")
    assert CRITERIA[criterion] in result.verdict
    document = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert (document["criterion"], document["best"]["criterion"]) == (criterion, by[result.best.recipe])
    again = radin.make_soup(pool, task(), **settings)
    assert again.spent.soups == 3  # nothing is charged twice
    assert again.to_json()["leaderboard"] == result.to_json()["leaderboard"]


def test_by_default_the_winner_is_the_likeliest_of_those_within_one_standard_error(
    pool: radin.Pool, tmp_path: Path
) -> None:
    result = radin.make_soup(pool, task(), run_dir=tmp_path / "run")
    metric, judge = task().scored_by, criterion_of("tempered", task().scored_by)
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        labels = verifier.bank.labels
        logits = {one.recipe: verifier.selection_logits(one.recipe) for one in result.leaderboard}
    right = {recipe: metric.measure(one, labels) for recipe, one in logits.items()}
    likely = {recipe: round(judge.score(one, labels), DIGITS) for recipe, one in logits.items()}
    best = max(right, key=lambda recipe: right[recipe].mean())
    near = {
        recipe
        for recipe, one in right.items()
        if right[best].mean() - one.mean() <= np.sqrt((one != right[best]).sum() + 1) / len(labels)
    }
    assert 1 < len(near) < len(right)
    assert [one.recipe in near for one in result.leaderboard] == sorted((one in near for one in right), reverse=True)
    assert likely[result.best.recipe] == max(likely[one] for one in near)
    assert [one.behind for one in result.leaderboard] == [one.recipe not in near for one in result.leaderboard]
    assert (result.criterion, result.settings["criterion"]) == ("one-se", "one-se")
    document = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert [one.get("behind", False) for one in document["leaderboard"]] == [one.behind for one in result.leaderboard]


@pytest.mark.parametrize("criterion", ["tempered", "one-se"])
def test_a_metric_without_a_smooth_relative_is_its_own_criterion(
    pool: radin.Pool, tmp_path: Path, criterion: str
) -> None:
    result = radin.make_soup(pool, task(metric="nll"), criterion=criterion, run_dir=tmp_path / "run")
    scores = [one.score for one in result.leaderboard]
    assert scores == sorted(scores, reverse=True) and not any(one.behind for one in result.leaderboard)
    assert result.criterion == "metric"
    assert "criterion" not in result.settings | result.best.to_json()
    assert result.best.score == max(one.score for one in result.leaderboard)


def test_an_unknown_criterion_is_refused_before_anything_is_run(pool: radin.Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="unknown criterion 'luck'"):
        radin.make_soup(pool, task(), criterion="luck", run_dir=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_a_metric_of_ones_own(pool: radin.Pool, tmp_path: Path) -> None:
    def confidence(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        shifted = np.exp(logits - logits.max(1, keepdims=True))
        return (shifted / shifted.sum(1, keepdims=True))[np.arange(len(labels)), labels]

    result = radin.make_soup(pool, task(metric=confidence), run_dir=tmp_path / "run")
    assert result.metric == "confidence"
    assert result.report.test == "paired permutation test"
    assert 0 < result.best.score < 1


def test_a_metric_of_ones_own_may_have_any_name(pool: radin.Pool, tmp_path: Path) -> None:
    def accuracy(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
        return logits.argmax(1) == labels

    mine = radin.make_soup(pool, task(metric=accuracy), run_dir=tmp_path / "run")
    ours = radin.make_soup(pool, task(), criterion="metric", run_dir=tmp_path / "run")
    assert mine.best.score == ours.best.score
    assert mine.report.test == "paired permutation test"
