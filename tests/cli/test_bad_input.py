"""Bad input: one clear line on standard error, exit code 2, nothing lost."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.command_line import SMALL
from helpers.small import Network
from safetensors.torch import load_file, save_file

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


def refused(capsys: pytest.CaptureFixture, *arguments: object) -> str:
    """The message of a call that has to end with exit code 2 and without a traceback."""
    with pytest.raises(SystemExit) as ended:
        main([str(one) for one in arguments])
    captured = capsys.readouterr()
    assert ended.value.code == 2, captured
    assert "Traceback" not in captured.err
    return " ".join(captured.err.split())


@pytest.fixture
def pool(checkpoints: list[Path], tmp_path: Path) -> list[Path]:
    """A copy of the small pool that a test may damage."""
    folder = tmp_path / "pool"
    folder.mkdir()
    copies = [folder / path.name for path in checkpoints]
    for source, copy in zip(checkpoints, copies, strict=True):
        copy.write_bytes(source.read_bytes())
    return copies


def soup(tmp_path: Path, *checkpoints: object, task: str = f"{SMALL}:task") -> list[object]:
    return ["soup", *checkpoints, "--task", task, "--run-dir", tmp_path / "run"]


def changed(path: Path, **tensors: torch.Tensor) -> None:
    """Replaces tensors of a checkpoint; `None` removes one."""
    state = load_file(path) | {name.replace("__", "."): tensor for name, tensor in tensors.items()}
    save_file({name: tensor for name, tensor in state.items() if tensor is not None}, path)


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


def test_inspect_says_all_that_is_wrong(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    changed(pool[3], layers__0__weight=torch.full((12, 6), torch.nan))
    changed(pool[2], layers__0__bias=torch.full((12,), -torch.inf))
    twin = tmp_path / "twin.safetensors"
    twin.write_bytes(pool[0].read_bytes())
    with pytest.raises(SystemExit, match="2"):
        main(["inspect", *map(str, pool), str(twin)])
    captured = capsys.readouterr()
    assert "note: 'layers.0.bias' holds infinities in run2" in captured.out
    assert "run3.safetensors: tensor 'layers.0.weight' (72 of 72 values) holds NaN" in captured.err
    assert "twin and run0 have the same contents" in captured.err


def test_inspect_reads_the_files_beside_those_that_cannot_be_read(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path
) -> None:
    pool[0].write_bytes(b"nothing")
    changed(pool[1], layers__3__weight=torch.zeros(4, 12), layers__3__bias=torch.zeros(4))
    changed(pool[3], layers__0__weight=torch.full((12, 6), torch.nan))
    error = refused(capsys, "inspect", *pool, tmp_path / "gone.safetensors")
    assert "these 4 checkpoints cannot be used:" in error
    for said in ("no such checkpoint", "run0.safetensors", "run1.safetensors", "run3.safetensors: tensor"):
        assert said in error
    refused(capsys, "inspect", pool[0])


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


def test_logits_that_cannot_be_ranked(capsys: pytest.CaptureFixture, tmp_path: Path) -> None:
    assert "found none" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "a.npy", np.zeros((4, 3)))
    assert "labels" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2, 3]))
    assert "label 3 of sample 3" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "labels.npy", np.array([0, 1, 2, 2]))
    np.save(tmp_path / "b.npy", np.full((4, 3), np.nan))
    assert "b: its logits for sample 0 are not finite" in refused(capsys, "rank", "--logits", tmp_path)
    np.save(tmp_path / "b.npy", np.zeros((4, 4)))
    assert "b: expected logits of shape [4, 3]" in refused(capsys, "rank", "--logits", tmp_path)
    (tmp_path / "b.npy").write_bytes(b"nothing")
    assert "b.npy" in refused(capsys, "rank", "--logits", tmp_path)


def test_weights_that_are_no_recipe(capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path) -> None:
    average = ["average", *pool[:2], "-o", tmp_path / "soup.safetensors", "--mix"]
    for weights, message in (
        ("1,2", "sum to 1, got 1,2"),
        ("1", "expected 2 mixing weights"),
        ("a,b", "numbers"),
        ("2,-1", "at least 0"),
    ):
        assert message in refused(capsys, *average, weights)
    assert not (tmp_path / "soup.safetensors").exists()


def test_averaging_has_no_data_to_recompute_with(
    capsys: pytest.CaptureFixture, pool: list[Path], tmp_path: Path
) -> None:
    error = refused(capsys, "average", *pool, "-o", tmp_path / "soup.safetensors", "--batchnorm", "recompute")
    assert "use `radin soup --task ...`" in error
    error = refused(capsys, "average", *pool, "-o", tmp_path / "soup.safetensors", "--batchnorm", "mean")
    assert "average" in error
    assert "keep" in error


def test_an_unknown_command_or_option(capsys: pytest.CaptureFixture) -> None:
    assert "No such command 'stew'; known are: demo, soup" in refused(capsys, "stew")
    assert "did you mean soup?" in refused(capsys, "sup")
    assert "--task" in refused(capsys, "soup", "x.safetensors")


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
