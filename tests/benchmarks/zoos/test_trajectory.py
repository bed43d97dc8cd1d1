"""The pool of checkpoints of one training run."""

from dataclasses import replace

import pytest
import torch
from helpers.fashion import HELD, tiny
from helpers.tiny_zoo import settings_of
from safetensors.torch import load_file

import radin
from benchmarks.zoos import trajectory
from radin.errors import InputError


def test_checkpoints_of_one_run_come_in_its_order_and_are_written_again_alike(tmp_path, data):
    def build():
        return trajectory.build(tmp_path / "pool", 12, data=data, sweep=sweep)

    sweep = replace(tiny(trajectory.SWEEP), pretraining=replace(trajectory.SWEEP.pretraining, epochs=3))
    paths = build()
    assert [path.name for path in paths] == [f"checkpoint-{k}.safetensors" for k in range(1, 13)]
    steps = [settings_of(path)["step"] for path in paths]
    assert steps == [round(k * 30 / 12) for k in range(1, 13)]  # 3 epochs of 10 batches
    whole, kept = [path.read_bytes() for path in paths], paths[0].stat().st_ino
    assert build() == paths and paths[0].stat().st_ino == kept
    paths[3].unlink()
    assert [path.read_bytes() for path in build()] == whole
    with pytest.raises(InputError, match="1 to 30 checkpoints"):
        trajectory.build(tmp_path / "pool", 31, data=data, sweep=sweep)


def test_checkpoints_are_what_training_for_fewer_steps_would_have_seen(tmp_path, data):
    sweep = tiny(trajectory.SWEEP)
    whole = trajectory.build(tmp_path / "pool", 10, data=data, sweep=sweep)
    start = load_file(tmp_path / "pool" / "pretrained" / "pretrained.safetensors")["head.weight"]
    moved = [float((load_file(path)["head.weight"] - start).norm()) for path in whole]
    assert 0 < moved[0] < moved[-1]
    halves = trajectory.build(tmp_path / "other", 5, data=data, sweep=sweep)
    for half, path in zip(halves, whole[1::2], strict=True):
        assert torch.equal(load_file(half)["head.weight"], load_file(path)["head.weight"])
    task = trajectory.task(data=data, selection=HELD, test=HELD)
    with radin.Verifier(radin.Pool(whole), task, tmp_path / "run") as verifier:
        assert len(set(verifier.solo)) > 1
