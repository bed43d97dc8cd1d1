"""From the command line to files of real layouts: splits, limits, several test sets, images left out."""

import json
from pathlib import Path

import pytest
import torch
from helpers.command_line import run as call
from helpers.layouts import cifar10, paint
from safetensors.torch import save_file
from torch import nn

TASK = """
import os
from collections.abc import Mapping

import torch
import radin
from radin.tasks.labelled import Corrupt
from radin.tasks.readers import open_sets


class Colours(torch.nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.head = torch.nn.Linear(3, classes)

    def forward(self, images):
        return self.head(images.mean((2, 3)))


def task(data: str, test: str | Mapping[str, str] | None = None, split: str | None = None, corrupt: Corrupt = "stop"):
    sets = open_sets(data, test, split=split, corrupt=corrupt)
    return radin.Task(lambda: Colours(len(sets.classes)), sets.data, test=sets.test, device="cpu")
"""


@pytest.fixture
def task_file(tmp_path: Path) -> Path:
    (tmp_path / "colours.py").write_text(TASK)
    return tmp_path / "colours.py"


def pool(folder: Path, classes: int) -> list[Path]:
    torch.manual_seed(0)
    paths = [folder / f"{i}.safetensors" for i in range(3)]
    for path in paths:
        save_file({f"head.{name}": tensor for name, tensor in nn.Linear(3, classes).state_dict().items()}, path)
    return paths


def soup(capsys: pytest.CaptureFixture, run: Path, task: Path, files: list[Path], *more: str) -> tuple[int, str, str]:
    return call(capsys, "soup", *files, "--task", f"{task}:task", "--run-dir", run, "--soups", 1, *more)


def test_splits_and_limits_of_cifar(capsys: pytest.CaptureFixture, tmp_path: Path, task_file: Path) -> None:
    data, files = cifar10(tmp_path), pool(tmp_path, 10)
    arguments = ["--task-arg", f"data={data}", "--task-arg", f"test=cifar10/test:{data}", "--json"]
    code, out, _ = soup(capsys, tmp_path / "a", task_file, files, *arguments, "--split", "rest", "--limit", "15")
    assert code == 0
    assert json.loads(out)["report"]["n_samples"] == 15
    code, _, err = soup(capsys, tmp_path / "b", task_file, files, *arguments)
    assert code == 2
    assert "the test set: these are the data that select, so they cannot report" in err
    twice = [
        "--task-arg",
        f"data=cifar10/train:{data}",
        "--task-arg",
        f"test=a=cifar10/test:{data},b=cifar10/test:{data}",
    ]
    code, _, err = soup(capsys, tmp_path / "b", task_file, files, *twice)
    assert (code, "test set b and test set a are the same data under two names" in err) == (2, True)
    twice = [*arguments, "--task-arg", f"test=cifar10/test:{data}"]
    code, _, err = soup(capsys, tmp_path / "b", task_file, files, *twice)
    assert (code, "several test sets are one argument: --task-arg test=NAME=DATA,NAME=DATA" in err) == (2, True)
    code, _, err = soup(capsys, tmp_path / "c", task_file, files, *arguments, "--split", "dev")
    assert (code, "cifar10 has no split 'dev'; it has: train, test, heldout, rest" in err) == (2, True)
    code, _, err = soup(
        capsys, tmp_path / "d", task_file, files, *arguments, "--split", "rest", "--task-arg", "split=train"
    )
    assert (code, "split was given twice" in err) == (2, True)


def test_several_sets_and_images_left_out(capsys: pytest.CaptureFixture, tmp_path: Path, task_file: Path) -> None:
    for split in ("val", "near", "far"):
        for c, name in enumerate(("cat", "dog")):
            for i in range(4):
                paint(tmp_path / split / name / f"{i}.png", 100 * len(split) + 10 * c + i + ord(split[0]))
    (tmp_path / "val" / "dog" / "3.png").write_text("no image")
    files = pool(tmp_path, 2)
    test = f"test=near={tmp_path / 'near'},far={tmp_path / 'far'}"
    arguments = ["--task-arg", f"data={tmp_path / 'val'}", "--task-arg", test]
    code, _, err = soup(capsys, tmp_path / "run", task_file, files, *arguments)
    assert (code, "val/dog/3.png: cannot be read as an image" in err) == (2, True)
    code, out, _ = soup(capsys, tmp_path / "run", task_file, files, *arguments, "--task-arg", "corrupt=skip", "--plan")
    assert code == 0
    code, out, _ = soup(capsys, tmp_path / "run", task_file, files, *arguments, "--task-arg", "corrupt=skip")
    assert code == 0
    assert "lost" not in out
    assert "accuracy on" in out
    assert all(name in out for name in ("near", "far", "mean"))
    assert "Note: data: 1 of 8 images cannot be read and are left out, such as" in out
    code, out, _ = soup(
        capsys, tmp_path / "x", task_file, files, *arguments, "--task-arg", "corrupt=skip", "--plan", "--json"
    )
    planned = json.loads(out)
    assert (planned["classes"], planned["class_names"]) == (2, ["cat", "dog"])
    assert (planned["samples"], planned["test_passes"], planned["test_samples"]) == (7, 6, 16)
    code, out, _ = soup(capsys, tmp_path / "x", task_file, files, *arguments, "--task-arg", "corrupt=skip", "--plan")
    assert (code, "2: cat, dog" in out) == (0, True)
    alone = [arguments[0], arguments[1], "--task-arg", "corrupt=skip", "--json"]
    code, out, _ = soup(capsys, tmp_path / "run", task_file, files, *alone)  # the test sets are left out again
    assert (code, json.loads(out)["spent"]["passes"], json.loads(out)["report"]["data"]) == (0, 3, "held-back")
    code, _, err = soup(capsys, tmp_path / "x", task_file, files, *arguments, "--task-arg", "corrupt=ignore")
    assert (code, "argument 'corrupt' should be stop or skip, got 'ignore'" in err) == (2, True)


def test_a_run_on_a_part_of_the_data_is_resumed_and_diagnosed_on_that_part(
    capsys: pytest.CaptureFixture, tmp_path: Path, task_file: Path
) -> None:
    files = pool(tmp_path, 10)
    settings = ["--task-arg", f"data={cifar10(tmp_path)}", "--split", "train", "--metric", "nll"]
    settings += ["--holdback", "0.3", "--device", "cpu", "--json"]
    code, out, _ = soup(capsys, tmp_path / "run", task_file, files, *settings, "--limit", "40")
    assert (code, json.loads(out)["spent"]["passes"]) == (0, 3)
    code, _, err = soup(capsys, tmp_path / "run", task_file, files, *settings, "--limit", "50")
    assert code == 2
    assert "other inputs: the data differs, since settings changed: limit (40 before, 50 now)" in err
    same = ["diagnose", *files, "--task", f"{task_file}:task", "--run-dir", tmp_path / "run", *settings]
    code, out, _ = call(capsys, *same, "--limit", "40")
    assert code == 0
    assert len(json.loads(out)["soups"]) == 2  # one of B, and the uniform one
    assert call(capsys, *same)[0] == 2
