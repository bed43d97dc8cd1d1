"""Parts of a file, in any order."""

import errno
import os
from pathlib import Path

import pytest

from radin.checkpoints.output import Output
from radin.errors import StorageError


@pytest.mark.parametrize("modern", [True, False])
def test_parts_land_where_they_belong(tmp_path: Path, modern: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if not modern:
        monkeypatch.delattr(os, "pwrite")
    with (tmp_path / "x").open("wb") as file:
        output = Output(file, tmp_path / "x", 6)
        output.write(b"def", 3)
        output.write(memoryview(b"abc"), 0)
        output.write(b"", 6)
    assert (tmp_path / "x").read_bytes() == b"abcdef"


def test_a_write_that_is_cut_short_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = os.pwrite
    monkeypatch.setattr(os, "pwrite", lambda file, data, offset: whole(file, data[:2], offset))
    with (tmp_path / "x").open("wb") as file:
        Output(file, tmp_path / "x", 5).write(b"abcde", 0)
    assert (tmp_path / "x").read_bytes() == b"abcde"


def test_a_full_disk_is_named_with_what_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "pwrite", full)
    with (
        (tmp_path / "x").open("wb") as file,
        pytest.raises(StorageError, match=r"No space left.*12\.5 MB.*MB are free") as caught,
    ):
        Output(file, tmp_path / "x", 12_500_000).write(b"abc", 0)
    assert caught.value.errno == errno.ENOSPC
