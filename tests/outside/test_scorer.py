"""Scorers: numbers, last lines, and a function that scores a network."""

from pathlib import Path

import pytest
import torch
from helpers.outside import make_pool
from torch import nn

import radin
from radin.errors import IncompatibleError, TaskError
from radin.outside.scorer import Scorer, ScorerFailure, number_of, parsed


class One(nn.Module):
    def __init__(self, size: int = 3) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(size))


@pytest.mark.parametrize("line", ["0.25", " 2.5e-1 ", '{"score": 0.25, "rows": 3}', "+0.25"])
def test_a_last_line_is_a_number_or_json_with_a_score(line: str) -> None:
    assert parsed(line) == 0.25


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("WER: 0.25", "its last line is 'WER: 0.25', expected a number"),
        ('{"wer": 0.25}', "JSON without `score`"),
        ('{"score": true}', "has the score True, expected a finite number"),
        ('{"score": null}', "has the score None"),
        ("nan", "gives nan, expected a finite number"),
        ("inf", "gives inf"),
    ],
)
def test_other_last_lines_are_failures_that_say_why(line: str, said: str) -> None:
    with pytest.raises(ScorerFailure) as failed:
        parsed(line)
    assert said in str(failed.value)


def test_a_number_may_be_a_tensor_of_one_value() -> None:
    assert number_of(torch.tensor(0.5), "evaluate gave") == 0.5
    with pytest.raises(ScorerFailure, match="evaluate gave tensor"):
        number_of(torch.ones(2), "evaluate gave")


def test_a_task_scores_the_network_of_a_checkpoint_in_evaluation_mode(tmp_path: Path) -> None:
    modes = []
    task = radin.ScoredTask(One, lambda network: modes.append(network.training) or network.weight.mean())
    assert isinstance(task, Scorer)
    assert task(make_pool(tmp_path)[3], tmp_path / "said") == 3.0
    assert modes == [False]


def test_a_task_that_fails_says_where(tmp_path: Path) -> None:
    (path, *_) = make_pool(tmp_path, 1)
    with pytest.raises(ScorerFailure, match=r"ZeroDivisionError.*test_scorer.py, line"):
        radin.ScoredTask(One, lambda network: 1 / 0)(path, tmp_path / "said")
    with pytest.raises(TaskError, match="build_model failed: KeyError"):
        radin.ScoredTask(lambda: {}["network"], lambda network: 1.0)(path, tmp_path / "said")
    with pytest.raises(IncompatibleError, match="shape"):
        radin.ScoredTask(lambda: One(4), lambda network: 1.0)(path, tmp_path / "said")


def test_the_key_of_a_task_follows_its_code() -> None:
    def key(factor: float) -> str:
        return radin.ScoredTask(One, lambda network: factor * float(network.weight.sum())).key

    assert key(1.0) == key(1.0) != key(2.0)
