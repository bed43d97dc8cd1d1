"""What `Trainer` noted of a checkpoint is read for a person, and never in the way."""

import json
from pathlib import Path

import pytest

from radin.weights.inspection import inspect
from radin.weights.training_state import training_metrics
from tests.helpers import model_folders

HISTORY = [
    {"step": 5, "loss": 0.9},
    {"step": 5, "epoch": 1.0, "eval_loss": 0.8, "eval_accuracy": 0.5, "eval_runtime": 3.0},
    {"step": 10, "epoch": 2.0, "eval_loss": 0.7, "eval_accuracy": 0.75, "eval_samples_per_second": 9.0},
    {"step": 15, "eval_loss": 0.1},
]


def test_the_last_evaluation_of_the_checkpoint_counts(tmp_path: Path) -> None:
    state = {"global_step": 10, "epoch": 2.0, "best_metric": None, "log_history": HISTORY}
    (tmp_path / "trainer_state.json").write_text(json.dumps(state))
    assert training_metrics(tmp_path) == {"step": 10, "epoch": 2.0, "eval_loss": 0.7, "eval_accuracy": 0.75}


@pytest.mark.parametrize("text", ["{", "[]", '{"log_history": 3}', '{"log_history": [3], "global_step": "x"}'])
def test_a_damaged_file_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "trainer_state.json").write_text(text)
    assert training_metrics(tmp_path) == {}
    assert training_metrics(tmp_path / "gone") == {}


def test_an_inspection_shows_it(tmp_path: Path) -> None:
    for seed in range(2):
        model_folders.save(tmp_path / str(seed), seed)
    found = inspect(tmp_path)
    assert [one.training for one in found.ingredients] == [{"step": 3}, {"step": 3}]
    assert found.to_json()["ingredients"][0]["training"] == {"step": 3}
