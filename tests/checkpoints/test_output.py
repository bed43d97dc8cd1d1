"""A file is complete or absent."""

import errno
import os
from pathlib import Path

import pytest

from radin.checkpoints.output import Output
from radin.errors import StorageError


def test_the_file_appears_when_it_is_complete(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with Output(path, 6) as output:
        output.write(b"def", 3)
        output.write(memoryview(b"abc"), 0)
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"abcdef"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), Output(path, 6) as output:
        output.write(b"abc", 0)
        raise KeyError
    assert path.read_bytes() == b"old"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]


def test_without_pwrite_the_result_is_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(os, "pwrite")
    with Output(tmp_path / "x", 6) as output:
        output.write(b"def", 3)
        output.write(b"abc", 0)
    assert (tmp_path / "x").read_bytes() == b"abcdef"


@pytest.mark.parametrize("call", ["pwrite", "fsync"])
def test_a_full_disk_is_named_with_what_is_needed(tmp_path: Path, call: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, call, full)
    with (
        pytest.raises(StorageError, match=r"No space left.*12\.5 MB.*MB are free"),
        Output(tmp_path / "x", 12_500_000) as f,
    ):
        f.write(b"abc", 0)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"), Output(tmp_path / "none" / "x", 1):
        raise AssertionError("not reached")
