"""The paths of a user stand for the ingredients that are meant."""

import re
from pathlib import Path

import pytest
import torch

from radin import Pool
from radin.errors import InputError, MissingFileError
from tests.helpers import model_folders


def save_file(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(model_folders.tensors(seed), path)
    return path


def test_a_folder_of_models_stands_for_them_in_natural_order(tmp_path: Path) -> None:
    for step in (2, 10, 9):
        model_folders.save(tmp_path / "out" / f"checkpoint-{step}", step)
    (tmp_path / "out" / "logs").mkdir()
    for given in (tmp_path / "out", tmp_path / "out" / "checkpoint-*", tmp_path / "out" / "*"):
        assert Pool(given).names == ("checkpoint-2", "checkpoint-9", "checkpoint-10")


def test_a_final_model_stands_for_its_checkpoints_too_where_it_alone_is_given(tmp_path: Path) -> None:
    final = model_folders.save(tmp_path / "out", 3)
    saved = [model_folders.save(final / f"checkpoint-{step}", step) for step in (1, 2)]
    pool = Pool(final)
    assert pool.paths == (*saved, final)
    assert pool.names == ("out/checkpoint-1", "out/checkpoint-2", "out")
    assert any("final model" in note for note in pool.notes)
    assert Pool([final, model_folders.save(tmp_path / "other", 4)]).names == ("out", "other")
    assert set(Pool(final / "*").paths) == {final, *saved}  # its own file stands for the folder


def test_names_are_what_tells_folders_apart(tmp_path: Path) -> None:
    runs = [model_folders.save(tmp_path / f"lr{rate}" / "checkpoint-8", i) for i, rate in enumerate(("0.1", "0.2"))]
    assert Pool(runs).names == ("lr0.1", "lr0.2")
    more = model_folders.save(tmp_path / "lr0.1" / "checkpoint-9", 2)
    assert Pool([*runs, more]).names == ("lr0.1/checkpoint-8", "lr0.2/checkpoint-8", "lr0.1/checkpoint-9")


def test_runs_with_one_checkpoint_each_are_found_and_said(tmp_path: Path) -> None:
    runs = tmp_path / "runs"
    timm = save_file(runs / "timm" / "model_best.pth.tar", 1)
    save_file(runs / "timm" / "checkpoint-3.pth.tar", 2)
    lightning = save_file(runs / "version_0" / "checkpoints" / "epoch=1.ckpt", 3)
    save_file(runs / "version_0" / "checkpoints" / "last.ckpt", 4)
    torchvision = save_file(runs / "torchvision" / "checkpoint.pth", 5)
    trainer = model_folders.save(runs / "trainer" / "checkpoint-7", 6)
    (runs / "radin-run").mkdir()
    (runs / "radin-run" / "ledger.db").touch()
    save_file(runs / "radin-run" / "soup.pt", 7)

    pool = Pool(runs)
    assert pool.paths == (timm, torchvision, trainer, lightning)
    assert pool.names == ("timm", "torchvision", "trainer/checkpoint-7", "version_0")
    assert any("4 runs" in note for note in pool.notes)


def test_a_run_with_several_checkpoints_is_asked_about(tmp_path: Path) -> None:
    for epoch in (1, 2):
        save_file(tmp_path / "runs" / "a" / f"epoch{epoch}.pt", epoch)
    with pytest.raises(InputError, match=r"runs/\*/epoch2\.pt"):
        Pool(tmp_path / "runs")


def test_a_folder_with_nothing_to_average_says_what_was_looked_for(tmp_path: Path) -> None:
    (tmp_path / "empty" / "deep").mkdir(parents=True)
    with pytest.raises(MissingFileError, match=r"config\.json"):
        Pool(tmp_path / "empty")


@pytest.mark.parametrize(
    ("stem", "name"),
    [("run\x1b[31m", r"run\x1b[31m"), ("a\nb", r"a\x0ab"), ("a\tb", r"a\x09b"), ("run\x9b", r"run\x9b")],
)
def test_characters_that_control_a_terminal_are_escaped_in_names(tmp_path: Path, stem: str, name: str) -> None:
    path = tmp_path / f"{stem}.pt"
    torch.save({"w": torch.ones(2)}, path)
    assert Pool([path]).names == (name,)
    with pytest.raises(InputError, match="control a terminal; choose another"):
        Pool([path], names=[stem])
    model_folders.save(tmp_path / stem, 0)
    assert Pool([tmp_path / stem]).names == (name,)


@pytest.mark.parametrize("glob", ["", "run*"])
def test_a_model_without_weights_that_is_left_out_is_said(tmp_path: Path, glob: str) -> None:
    for i in range(3):
        model_folders.save(tmp_path / f"run{i}", i)
    assert Pool(str(tmp_path / glob)).notes == ()
    (tmp_path / "run1" / "model.safetensors").unlink()
    pool = Pool(str(tmp_path / glob))
    assert pool.names == ("run0", "run2")
    (note,) = pool.notes
    assert note == f"left out for having a config.json but no weights: {tmp_path / 'run1'}"


def test_checkpoints_that_lie_deeper_are_pointed_at(tmp_path: Path) -> None:
    for seed in range(2):
        (tmp_path / "runs" / "rate" / f"seed{seed}").mkdir(parents=True)
        torch.save({"w": torch.ones(2)}, tmp_path / "runs" / "rate" / f"seed{seed}" / "last.ckpt")
    with pytest.raises(MissingFileError, match="further down there are some") as caught:
        Pool(tmp_path / "runs")
    (glob,) = re.findall(r"such as '(.*)'", str(caught.value))
    assert Pool(glob).names == ("seed0/last", "seed1/last")


def test_all_checkpoints_of_one_run_are_offered(tmp_path: Path) -> None:
    for step in (1, 2):
        save_file(tmp_path / "run" / "checkpoints" / f"step{step}.pt", step)
    with pytest.raises(InputError, match=r"or give .*run/checkpoints for all of this run"):
        Pool(tmp_path)
