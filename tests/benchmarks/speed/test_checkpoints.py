"""Checkpoints of the averaging benchmark."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file, save_file

from benchmarks.speed.averaging import Case
from benchmarks.speed.checkpoints import vit_b32


def test_shapes_are_those_of_clip_vit_b32() -> None:
    assert sum(int(np.prod(shape)) for shape in vit_b32().values()) == 151_277_313


def test_files_are_made_once_and_differ(tmp_path: Path) -> None:
    case = Case("tiny x 2", {"a": (70_000,)}, 2)
    first, second = case.files(tmp_path, ".safetensors")
    made = first.stat().st_mtime_ns
    assert case.files(tmp_path, ".safetensors")[0].stat().st_mtime_ns == made
    one, two = load_file(first)["a"], load_file(second)["a"]
    assert not np.array_equal(one, two)
    save_file({"a": one}, tmp_path / "again.safetensors")
    assert np.isfinite(one).all()
