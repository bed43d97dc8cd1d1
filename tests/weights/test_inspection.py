"""Inspection from Python: what is known of each checkpoint, and why not all can be averaged."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

import radin
from radin.errors import CheckpointError, IncompatibleError, MissingFileError


def test_sound_checkpoints(checkpoints: list[Path]) -> None:
    found = radin.inspect(checkpoints)
    assert (found.compatible, found.error, found.dtypes, found.infinities) == (True, None, ("float32",), {})
    assert [one.path for one in found.ingredients] == checkpoints
    assert len({one.fingerprint for one in found.ingredients}) == len(checkpoints)
    assert found.to_json()["ingredients"][0]["sha256"] == found.pool.fingerprint(0)


def test_every_fault_is_named(checkpoints: list[Path], tmp_path: Path) -> None:
    twin, broken = tmp_path / "twin.safetensors", tmp_path / "broken.safetensors"
    shutil.copy(checkpoints[0], twin)
    broken.write_bytes(b"no checkpoint")
    found = radin.inspect([checkpoints[0], twin, broken, checkpoints[1]])
    assert not found.compatible
    assert [one.same_as for one in found.ingredients] == [None, "run0", None]
    assert isinstance(found.error, CheckpointError | IncompatibleError)
    for part in ("these 2 checkpoints", "broken.safetensors", "twin.safetensors hold the same tensors"):
        assert part in str(found.error)


def test_infinities_are_told_by_tensor(checkpoints: list[Path], tmp_path: Path) -> None:
    state = load_file(checkpoints[0])
    name = next(iter(state))
    state[name][0] = -torch.inf
    save_file(state, tmp_path / "odd.safetensors")
    found = radin.inspect([tmp_path / "odd.safetensors", checkpoints[1]])
    assert (found.compatible, found.infinities) == (True, {name: ("odd",)})


def test_nothing_to_inspect(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError):
        radin.inspect(tmp_path / "none.safetensors")
