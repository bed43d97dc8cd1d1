"""Pickles of arrays of bytes: read without running their code."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import cifar10

from radin.errors import DataError
from radin.tasks.readers import open_data
from radin.tasks.readers.pickles import unpickled


class Malicious:
    def __reduce__(self) -> tuple:
        return os.mkdir, ("pwned",)


def test_a_pickle_runs_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    root = cifar10(tmp_path)
    (root / "test_batch").write_bytes(pickle.dumps({"data": Malicious(), "labels": []}))
    with pytest.raises(DataError, match=r"test_batch: .*mkdir, which no batch of CIFAR needs; nothing was run"):
        open_data(root)
    assert not (tmp_path / "pwned").exists()


class Reduced:
    """Pickles as a call, and a state to set."""

    def __init__(self, *parts: object) -> None:
        self.parts = parts

    def __reduce__(self) -> tuple:
        return self.parts


def test_a_pickle_makes_no_objects_of_raw_bytes(tmp_path: Path) -> None:
    # A dtype of objects that a pickle strips of its flags lets numpy take any bytes for the addresses of objects.
    kind = Reduced(np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 0))
    rebuild = np.empty(0).__reduce__()[0]
    array = Reduced(rebuild, (np.ndarray, (0,), b"b"), (1, (1, 1), kind, False, b"A" * 8))
    root = cifar10(tmp_path)
    (root / "test_batch").write_bytes(pickle.dumps({"data": array, "labels": [0]}, 2))
    with pytest.raises(DataError, match=r"test_batch: .*arrays of dtype 'O8', expected bytes"):
        open_data(root)


@pytest.mark.parametrize("protocol", range(5))  # arrays in 5, the newest, need more of numpy
def test_arrays_of_bytes_and_plain_values_are_read(tmp_path: Path, protocol: int) -> None:
    pixels = np.arange(24, dtype=np.uint8).reshape(4, 6)
    content = {"data": pixels, "columns": np.asfortranarray(pixels), "labels": [3, 1], "name": "x", "raw": b"\xff\x00"}
    (tmp_path / "batch").write_bytes(pickle.dumps(content, protocol))
    found = unpickled(tmp_path / "batch")
    np.testing.assert_array_equal(found["data"], pixels)
    np.testing.assert_array_equal(found["columns"], pixels)
    assert (found["labels"], found["name"], found["raw"]) == ([3, 1], "x", b"\xff\x00")


@pytest.mark.parametrize("content", [b"", b"no pickle", pickle.dumps([1]), pickle.dumps(np.zeros(2))])
def test_other_contents_are_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "batch").write_bytes(content)
    with pytest.raises(DataError, match=f"{tmp_path}/batch: "):
        unpickled(tmp_path / "batch")
