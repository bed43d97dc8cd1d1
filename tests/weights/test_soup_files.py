"""The file of a soup: what stands in it, when it is refused, and what writing it takes."""

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.averages import oracle, pool_of
from safetensors import safe_open
from safetensors.torch import load_file, save_file

import radin
from radin.checkpoints import open_checkpoint
from radin.errors import CheckpointError, InputError, MissingFileError, StorageError
from radin.recipe import Recipe
from radin.weights.averaging import average
from radin.weights.tiling import TILE

#: The open files of this process, on Linux and macOS.
DESCRIPTORS = Path("/dev/fd")


def test_metadata_hold_the_recipe(tmp_path: Path) -> None:
    states = [{"w": torch.full((2,), float(i))} for i in range(3)]
    pool = pool_of(tmp_path, states)
    path = average(pool, [0.1, 0.0, 0.9], tmp_path / "s.safetensors", batchnorm="keep", metadata={"note": "mine"})
    with safe_open(path, "pt") as file:
        notes = file.metadata()
    assert json.loads(notes.pop("radin.recipe")) == {"000": 0.1, "002": 0.9}
    assert notes == {"format": "pt", "note": "mine", "radin.version": radin.__version__, "radin.batchnorm": "keep"}
    by_name = average(pool, {"002": 0.9, "000": 0.1}, tmp_path / "t.safetensors", batchnorm="keep")
    assert load_file(by_name)["w"].equal(load_file(path)["w"])


def test_arguments_that_cannot_be_are_refused(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, [{"w": torch.zeros(2)}, {"w": torch.ones(2)}])
    out = tmp_path / "soup.safetensors"
    with pytest.raises(InputError, match=r"\.safetensors"):
        average(pool, [0.5, 0.5], tmp_path / "soup.pt")
    with pytest.raises(InputError, match="one of the ingredients"):
        average(pool, [0.5, 0.5], pool.paths[0])
    with pytest.raises(MissingFileError, match="no such folder"):
        average(pool, [0.5, 0.5], tmp_path / "none" / "soup.safetensors")
    with pytest.raises(InputError, match="proposals"):
        average(pool, [1.0], out)
    with pytest.raises(InputError, match=r"the recipe takes 'other', and the pool has no such ingredient"):
        average(pool, Recipe(("000", "other"), (0.5, 0.5)), out)
    with pytest.raises(InputError, match=r"takes 'a', 'b', 'c', and 2 more, and the pool"):
        average(pool, Recipe(tuple("abcde"), (0.2,) * 5), out)
    with pytest.raises(InputError, match=r"radin\.recipe"):
        average(pool, [0.5, 0.5], out, metadata={"radin.recipe": "mine"})
    assert not out.exists()


def test_a_file_replaced_after_the_pool_was_made_is_refused(tmp_path: Path) -> None:
    pool = pool_of(tmp_path, [{"w": torch.zeros(2)}, {"w": torch.ones(2)}])
    save_file({"w": torch.ones(2), "x": torch.ones(2)}, tmp_path / "001.safetensors")
    with pytest.raises(CheckpointError, match=r"001\.safetensors was changed"):
        average(pool, [0.5, 0.5], tmp_path / "soup.safetensors")


def test_a_full_disk_leaves_what_was_there(tmp_path: Path) -> None:
    """RLIMIT_FSIZE makes the kernel refuse the write, as a full disk does."""
    pool_of(tmp_path, [{"w": torch.randn(100_000)} for _ in range(2)])
    soup = tmp_path / "soup.safetensors"
    soup.write_bytes(b"the old soup")
    program = (
        "import resource, sys, radin; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "pool = radin.Pool(sys.argv[1])\n"
        "try: radin.average(pool, [0.5, 0.5], sys.argv[2])\n"
        "except radin.RadinError as error: print(type(error).__name__, error)"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "00*.safetensors"), str(soup)],
        check=True,
        capture_output=True,
        text=True,
    )
    assert run.stdout.startswith(StorageError.__name__), run.stdout
    assert "needs 0.4 MB" in run.stdout
    assert soup.read_bytes() == b"the old soup"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["000.safetensors", "001.safetensors", soup.name]


def test_memory_depends_neither_on_n_nor_on_size(tmp_path: Path) -> None:
    def peak(n: int, elements: int) -> int:
        states = [{"w": torch.full((elements,), float(i))} for i in range(n)]
        pool = pool_of(tmp_path, states)
        tracemalloc.start()
        try:
            average(pool, np.ones(n, dtype=bool), tmp_path / "soup.safetensors")
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    few, many = peak(2, 4 * TILE), peak(24, 4 * TILE)  # one portion, so one thread
    large, larger = peak(2, 16 * TILE), peak(2, 48 * TILE)  # enough for four threads; 17 and 50 MB a file
    assert max(few, many) < 10e6  # a thread's buffers are 8 MB, all of it used in float64 only
    assert max(large, larger) < 36e6
    assert many < few + 1e6
    assert larger < large + 1e6


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="this system does not list the open files of a process")
def test_many_files_are_not_held_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("radin.weights.pool.KEEP_OPEN", 2)
    states = [{"w": torch.full((5,), float(i))} for i in range(4)]
    pool = pool_of(tmp_path, states)
    opened = len(list(DESCRIPTORS.iterdir()))
    readers = [pool.reader(i) for i in range(4)]
    assert len(list(DESCRIPTORS.iterdir())) == opened
    for reader in readers:
        reader.close()
    soup = load_file(average(pool, [0.25] * 4, tmp_path / "soup.safetensors"))
    assert torch.equal(soup["w"], oracle([state["w"] for state in states], [0.25] * 4))
    assert set(open_checkpoint(tmp_path / "soup.safetensors").tensors) == {"w"}
