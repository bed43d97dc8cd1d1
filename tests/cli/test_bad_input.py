"""Bad input: one clear line on standard error, exit code 2, nothing lost."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import SMALL, changed, refused
from helpers.small import Network

from radin.cli import main

TASKS = f"""
import sys
sys.path.insert(0, {str(SMALL.parent)!r})
import numpy as np, torch, radin, small
from torch.utils.data import DataLoader, TensorDataset

def empty():
    x, y = small.clouds(10, 0)
    return radin.Task(small.Network, (x[:0], y[:0]))

def shuffles():
    return radin.Task(small.Network, DataLoader(TensorDataset(*small.clouds(50, 0)), batch_size=10, shuffle=True))

def out_of_range():
    x, y = small.clouds(50, 0)
    return radin.Task(small.Network, (x, y + 1))

def raises():
    raise RuntimeError("the data are on another disk")

def another_network():
    return radin.Task(lambda: torch.nn.Linear(6, 3), small.clouds(50, 0))
"""


class Harmful:
    """A pickle that would run code when it is loaded."""

    def __reduce__(self):
        return (print, ("this ran",))


def soup(tmp_path: Path, *checkpoints: object, task: str = f"{SMALL}:task") -> list[object]:
    return ["soup", *checkpoints, "--task", task, "--run-dir", tmp_path / "run"]


def test_an_empty_pool(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert "the pool is empty" in refused(capsys, *soup(tmp_path))
    assert "no file matches" in refused(capsys, *soup(tmp_path, f"{tmp_path}/*.safetensors"))


def test_files_that_cannot_be_read(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    assert "no such checkpoint" in refused(capsys, *soup(tmp_path, *pool, tmp_path / "gone.safetensors"))
    pool[1].write_bytes(pool[1].read_bytes()[:-40])
    assert "run1.safetensors" in refused(capsys, *soup(tmp_path, *pool))
    pool[1].write_bytes(b"")
    assert "run1.safetensors" in refused(capsys, *soup(tmp_path, *pool))


def test_a_pickle_that_would_run_code(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    torch.save({"state_dict": {"weight": torch.zeros(2)}, "hook": Harmful()}, tmp_path / "harmful.pt")
    (tmp_path / "plain.pt").write_bytes(pickle.dumps(Harmful()))
    for name in ("harmful.pt", "plain.pt"):
        with pytest.raises(SystemExit) as ended:
            main([str(one) for one in soup(tmp_path, *pool, tmp_path / name)])
        captured = capsys.readouterr()
        assert ended.value.code == 2
        assert name in captured.err
        assert "this ran" not in captured.out


@pytest.mark.parametrize(
    ("tensors", "message"),
    [
        ({"layers__3__bias": None}, "layers.3.bias"),
        ({"extra": torch.zeros(2)}, "extra"),
        ({"layers__0__weight": torch.zeros(12, 7)}, "layers.0.weight"),
        ({"layers__3__weight": torch.zeros(4, 12), "layers__3__bias": torch.zeros(4)}, "layers.3."),
        ({"layers__0__lora_A": torch.zeros(2, 6)}, "LoRA"),
        ({"layers__0__weight": torch.full((12, 6), torch.nan)}, "run3"),
    ],
)
def test_ingredients_that_do_not_fit(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path, tensors: dict, message: str
) -> None:
    changed(pool[3], **tensors)
    error = refused(capsys, *soup(tmp_path, *pool))
    assert message in error
    assert "run3" in error


def test_one_checkpoint_makes_no_soup(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    for command in (soup(tmp_path, pool[0]), ["diagnose", pool[0]]):
        assert "run0.safetensors is one checkpoint, so there is nothing to average" in refused(capsys, *command)


def test_one_model_given_twice(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    assert "same file" in refused(capsys, *soup(tmp_path, *pool, pool[0]))
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(pool[0].read_bytes())
    assert "same contents" in refused(capsys, *soup(tmp_path, *pool, twin))


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("empty", "at least one labelled sample"),
        ("shuffles", "shuffles"),
        ("out_of_range", "label 3 of sample"),
        ("raises", "raises raised RuntimeError: the data are on another disk"),
        ("another_network", "run0"),
    ],
)
def test_tasks_that_cannot_be_used(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path, function: str, message: str
) -> None:
    (tmp_path / "bad_tasks.py").write_text(TASKS)
    assert message in refused(capsys, *soup(tmp_path, *pool, task=f"{tmp_path}/bad_tasks.py:{function}"))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (["--soups", 0], "--soups must be at least 1, got 0; to build none, give --logits-only"),
        (["--candidates", -5], "candidates must be a whole number of at least 1"),
        (["--lam", -1], "-1"),
        (["--lam", "nan"], "nan"),
        (["--seconds", 0], "seconds must be above 0"),
        (["--searcher", "gredy"], "greedy"),
        (["--searcher", "greedy", "-p", "acept=ties"], "accept"),
        (["-p", "accept"], "KEY=VALUE"),
        (["-p", "accept=ties", "-p", "accept=strict"], "given twice"),
        (["--metric", "acuracy"], "accuracy"),
        (["--holdback", 1.5], "holdback"),
        (["--task-arg", "smaples=3"], "no argument 'smaples'"),
    ],
)
def test_settings_out_of_range(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path, settings: list, message: str
) -> None:
    assert message in refused(capsys, *soup(tmp_path, *pool), *settings)
    assert not (tmp_path / "run").exists()


def test_a_run_folder_made_with_other_inputs(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([str(one) for one in soup(tmp_path, *pool)])
    before = (tmp_path / "run" / "leaderboard.json").read_text()
    error = refused(capsys, *soup(tmp_path, *pool), "--task-arg", "samples=200", "--prefix", "x", "--weights", "model")
    assert "no tensor's name begins with the prefix" in error
    error = refused(capsys, *soup(tmp_path, *pool), "--task-arg", "samples=200", "--weights", "model")
    assert "samples (not given before, 200 now), weights (not given before, model now)" in error
    assert "choose another run folder" in error
    assert (tmp_path / "run" / "leaderboard.json").read_text() == before


def test_the_network_is_the_one_of_the_pool() -> None:
    """What the tests above change by name is there."""
    assert set(Network().state_dict()) == {f"layers.{i}.{kind}" for i in (0, 3) for kind in ("weight", "bias")}


def test_a_soup_is_not_written_over_an_ingredient(
    pool: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    before, link = pool[1].read_bytes(), tmp_path / "link.safetensors"
    link.hardlink_to(pool[1])
    for target in (pool[1], link):
        message = refused(capsys, "soup", *pool, "--task", f"{SMALL}:task", "--run-dir", tmp_path / "run", "-o", target)
        assert "belongs to one of the ingredients" in message
    assert pool[1].read_bytes() == before
    assert not (tmp_path / "run").exists()


def test_a_soup_that_cannot_be_written_costs_nothing(
    pool: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    (tmp_path / "folder.safetensors").mkdir()
    below = pool[0] / "soup.safetensors"
    for target, message in ((tmp_path / "folder.safetensors", "it is a folder"), (below, "would have to be a folder")):
        for command in (soup(tmp_path, *pool), ["average", *pool]):
            assert message in refused(capsys, *command, "-o", target)
    assert not (tmp_path / "run").exists()


def test_logits_of_somebody_else_are_not_lost(
    checkpoints: list[Path], tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    mine = tmp_path / "run" / "logits"
    mine.mkdir(parents=True)
    np.save(mine / "labels.npy", np.arange(3))
    assert "choose another run folder" in refused(capsys, *soup(tmp_path, *checkpoints))
    assert [path.name for path in mine.iterdir()] == ["labels.npy"]
    assert np.load(mine / "labels.npy").tolist() == [0, 1, 2]
