"""What training runs noted of their checkpoints is shown, orders a pool if asked, and is never in the way."""

import json
from pathlib import Path

import pytest
import torch

from radin.errors import InputError
from radin.weights.inspection import inspect
from radin.weights.pool import Pool
from radin.weights.training_state import ordered, training_metrics
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


def test_scores_that_are_no_numbers_are_left_out(tmp_path: Path) -> None:
    entry = {"step": 5, "eval_loss": float("nan"), "eval_accuracy": 0.5}
    (tmp_path / "trainer_state.json").write_text(json.dumps({"global_step": 5, "log_history": [entry]}))
    assert training_metrics(tmp_path) == {"step": 5, "eval_accuracy": 0.5}
    with pytest.raises(InputError, match="noted no 'eval_loss'"):
        ordered([tmp_path], "eval_loss")


def test_an_inspection_shows_it(tmp_path: Path) -> None:
    for seed in range(2):
        model_folders.save(tmp_path / str(seed), seed)
    found = inspect(tmp_path)
    assert [one.training for one in found.ingredients] == [{"step": 3}, {"step": 3}]
    assert found.to_json()["ingredients"][0]["training"] == {"step": 3}


TIMM = "epoch,train_loss,eval_loss,eval_top1,lr\n0,1.0,0.9,60.0,0.1\n1,0.8,0.7,75.5,0.1\n2,0.6,0.8,70.0,0.1\n"
LIGHTNING = (
    "epoch,lr,step,train_loss,val_acc,val_loss\n"
    "0,,9,,0.5,1.5\n0,0.1,9,1.2,,\n1,,19,,0.75,1.25\n1,0.1,19,1.1,,\n2,,29,,0.625,nan\n"
)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("checkpoint-1.pth.tar", {"epoch": 1, "eval_loss": 0.7, "eval_top1": 75.5}),
        ("checkpoint-2.pth.tar", {"epoch": 2, "eval_loss": 0.8, "eval_top1": 70.0}),
        ("model_best.pth.tar", {"epoch": 1, "eval_loss": 0.7, "eval_top1": 75.5}),
        ("last.pth.tar", {"epoch": 2, "eval_loss": 0.8, "eval_top1": 70.0}),
        ("checkpoint-7.pth.tar", {}),
    ],
)
def test_timm_keeps_a_table_beside_its_checkpoints(tmp_path: Path, name: str, expected: dict[str, float]) -> None:
    (tmp_path / "summary.csv").write_text(TIMM)
    (tmp_path / name).touch()
    assert training_metrics(tmp_path / name) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("epoch=1-step=20.ckpt", {"step": 20, "epoch": 1, "val_acc": 0.75, "val_loss": 1.25}),
        ("epoch=2-step=30.ckpt", {"step": 30, "epoch": 2, "val_acc": 0.625}),
        ("last.ckpt", {"step": 29, "epoch": 2, "val_acc": 0.625, "val_loss": 1.25}),
    ],
)
def test_lightning_keeps_a_table_above_its_checkpoints(tmp_path: Path, name: str, expected: dict[str, float]) -> None:
    (tmp_path / "metrics.csv").write_text(LIGHTNING)
    (tmp_path / "checkpoints").mkdir()
    assert training_metrics(tmp_path / "checkpoints" / name) == expected


@pytest.mark.parametrize("text", ["", "epoch\n", "\x00", "epoch,eval_top1\nx,y\n"])
def test_a_damaged_table_says_nothing(tmp_path: Path, text: str) -> None:
    (tmp_path / "summary.csv").write_text(text)
    assert training_metrics(tmp_path / "model_best.pth.tar") == {}


def test_the_best_stands_last_if_asked(tmp_path: Path) -> None:
    for seed, (loss, accuracy) in enumerate([(0.5, 0.9), (0.9, 0.5), (0.7, 0.7)]):
        folder = model_folders.save(tmp_path / f"run-{seed}", seed)
        entry = {"step": 3, "eval_loss": loss, "eval_accuracy": accuracy}
        (folder / "trainer_state.json").write_text(json.dumps({"global_step": 3, "log_history": [entry]}))
    assert Pool(tmp_path).names == ("run-0", "run-1", "run-2")
    assert Pool(tmp_path, order="eval_loss").names == ("run-1", "run-2", "run-0")  # less is better
    assert Pool(tmp_path, order="eval_accuracy").names == ("run-1", "run-2", "run-0")
    assert [one.name for one in inspect(tmp_path, order="eval_loss").ingredients] == ["run-1", "run-2", "run-0"]
    assert Pool(tmp_path, order="step").names == ("run-0", "run-1", "run-2")  # equal ones stay in their order
    with pytest.raises(InputError, match=r"noted no 'eval_f1'.*It has: step, eval_loss, eval_accuracy"):
        Pool(tmp_path, order="eval_f1")
    with pytest.raises(InputError, match="leave out one of the two"):
        Pool(tmp_path, ["a", "b", "c"], order="step")
    with pytest.raises(InputError, match="It noted none"):
        ordered([tmp_path / "run.pt"], "step")


def test_a_number_beside_the_weights_of_a_file_orders_it(tmp_path: Path) -> None:
    for name, step, more in ("a", 30, {"global_step": 3}), ("b", 10, {}), ("c", 20, {"acc1": 71.5}):
        torch.save(
            {"model": {"w": torch.full((2,), float(step))}, "step": step, "ok": True} | more, tmp_path / f"{name}.pt"
        )
    assert Pool(tmp_path, order="step").names == ("b", "c", "a")
    with pytest.raises(InputError, match=r"b\.pt: .*nor as a number beside the weights.*It has: step\."):
        Pool([tmp_path / "b.pt", tmp_path / "c.pt"], order="acc1")
    torch.save({"state_dict": {"w": torch.zeros(2)}, "global_step": 5, "epoch": 1}, tmp_path / "a.pt")
    assert Pool(tmp_path, order="step").names == ("a", "b", "c")
