"""What a result says of numbers that chose the winner."""

from pathlib import Path

from radin.outside.result import FailedScore, OutsideResult, OutsideScore, OutsideSpent
from radin.recipe import Recipe
from radin.report.record import Record

NAMES = ("a", "b", "c")


def result(*members: list[int], lower: bool = False, failed: tuple[FailedScore, ...] = ()) -> OutsideResult:
    sign = -1.0 if lower else 1.0
    values = [0.2 + 0.1 * i if lower else 0.9 - 0.1 * i for i in range(len(members))]
    board = [OutsideScore(Recipe.subset(NAMES, one), sign * v, v) for one, v in zip(members, values, strict=True)]
    spent = OutsideSpent(passes=1, soups=2, tests=0, lost=0, seconds_passes=1.0, seconds_soups=2.0)
    kept = {"ingredients": 3, "batchnorm": "average", "settings": {}, "about": {}, "run_dir": Path("run")}
    return OutsideResult(board, failed, spent, "score", not lower, None, **kept)


def test_a_soup_that_won_is_set_against_the_checkpoints_that_were_scored() -> None:
    made = result([0, 1], [2], lower=True)
    assert made.soup_won
    assert made.verdict.startswith("The best soup has score 0.2; the best of 1 of 3 checkpoints alone, c, has 0.3.")


def test_a_checkpoint_that_won_and_soups_alone() -> None:
    assert result([2], [0, 1]).verdict.startswith("No soup is better than the best of 1 of 3 checkpoints alone, c: sc")
    only = result([0, 1])
    assert only.best_ingredient is None
    assert "no checkpoint alone was scored" in only.verdict


def test_its_document_is_a_record_without_intervals() -> None:
    failed = FailedScore(Recipe.subset(NAMES, [1, 2]), "it broke", Path("run/scores/abc"))
    record = Record(result([0, 1], [2], failed=(failed,)).to_json(), Path("run"))
    assert record.scored_outside
    assert [one.value for one in record.leaderboard] == [0.9, 0.8]
    assert [one.recipe for one in record.verified] == [{"a": 0.5, "b": 0.5}]
    assert "run/scores/abc.err" not in failed.text and "run/scores/abc.out and .err" in failed.text
    assert record.document["failed"] == [
        {"recipe": {"b": 0.5, "c": 0.5}, "failure": "it broke", "output": "scores/abc"}
    ]
