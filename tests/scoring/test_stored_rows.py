"""Arrays in files of every form are read row by row."""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from radin.errors import DataError
from radin.scoring.stored_rows import stored_arrays

ARRAY = np.random.default_rng(0).normal(size=(5, 4, 7)).astype(np.float32)


def write(file: Path) -> Path:
    """Writes the array, beside labels where a file holds several."""
    labels = np.arange(20).reshape(5, 4)
    if file.suffix == ".npy":
        np.save(file, ARRAY.astype(">f4"))
    elif file.name == "packed.npz":
        np.savez_compressed(file, a=ARRAY, labels=labels)
    elif file.suffix == ".npz":
        np.savez(file, a=ARRAY, labels=labels)
    else:
        tensors = {"a": torch.from_numpy(ARRAY), "labels": torch.from_numpy(labels)}
        torch.save(tensors, file) if file.suffix == ".pt" else save_file(tensors, file)
    return file


@pytest.mark.parametrize("name", ["a.npy", "a.npz", "packed.npz", "a.pt", "a.safetensors"])
def test_rows_and_parts_are_those_of_the_array(tmp_path: Path, name: str) -> None:
    with ExitStack() as opened:
        arrays = stored_arrays(write(tmp_path / name), opened)
        one = arrays.get("a") or arrays[""]
        assert (one.shape, one.ndim, len(one)) == ((5, 4, 7), 3, 5)
        flat = ARRAY.reshape(-1, 7)
        for start, stop in [(0, 3), (3, 3), (3, 11), (11, 20), (2, 4)]:
            np.testing.assert_array_equal(one.rows(start, stop), flat[start:stop])
        parts = list(one)
        for start in range(4):  # all parts side by side, as models in one array are read
            for part, expected in zip(parts, ARRAY, strict=True):
                np.testing.assert_array_equal(part.rows(start, start + 1), expected[start : start + 1])
        np.testing.assert_array_equal(one.whole(), ARRAY)
        if "labels" in arrays:
            assert arrays["labels"].whole().tolist() == np.arange(20).reshape(5, 4).tolist()


def test_all_arrays_of_an_archive_share_one_open_file(tmp_path: Path) -> None:
    np.savez(tmp_path / "many.npz", **{f"run{i}": ARRAY for i in range(30)})
    before = sum(1 for _ in Path("/dev/fd").iterdir())
    with ExitStack() as opened:
        for one in stored_arrays(tmp_path / "many.npz", opened).values():
            np.testing.assert_array_equal(one.rows(1, 3), ARRAY.reshape(-1, 7)[1:3])
        assert sum(1 for _ in Path("/dev/fd").iterdir()) == before + 1


def test_bfloat16_comes_as_float32(tmp_path: Path) -> None:
    torch.save({"a": torch.from_numpy(ARRAY).bfloat16()}, tmp_path / "a.pt")
    with ExitStack() as opened:
        rows = stored_arrays(tmp_path / "a.pt", opened)["a"].rows(1, 3)
    np.testing.assert_array_equal(rows, torch.from_numpy(ARRAY).bfloat16().float().numpy().reshape(-1, 7)[1:3])


def test_what_holds_no_rows_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "a.npz").write_bytes(b"no archive")
    np.savez(tmp_path / "columns.npz", a=np.asfortranarray(ARRAY))
    np.savez(tmp_path / "objects.npz", a=np.array([None, 1], dtype=object))
    for name, said in [
        ("a.txt", "with one of .npy, .npz"),
        ("a.npz", "could not read it"),
        ("columns.npz", "its rows do not lie together"),
        ("objects.npz", "it holds Python objects"),
    ]:
        with ExitStack() as opened, pytest.raises(DataError, match=said):
            stored_arrays(tmp_path / name, opened)


def test_an_archive_that_was_cut_short_says_so(tmp_path: Path) -> None:
    file = write(tmp_path / "packed.npz")
    content = bytearray(file.read_bytes())
    content[120:160] = bytes(40)
    file.write_bytes(content)
    with ExitStack() as opened, pytest.raises(DataError, match="could not read"):
        stored_arrays(file, opened)["a"].whole()
