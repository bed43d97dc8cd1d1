"""Archives that are damaged, packed anew, or list more than they can hold."""

import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from radin.checkpoints import open_checkpoint
from radin.errors import CheckpointError
from tests.helpers.archives import repack


@pytest.mark.parametrize("change", [lambda data: data[:-4], lambda data: b"", lambda data: data + b"more"])
def test_a_record_of_another_length_than_its_storage_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.arange(6.0)}, path)
    repack(path, zipfile.ZIP_STORED, {"data/0": change(torch.arange(6.0).numpy().tobytes())})
    with pytest.raises(CheckpointError, match=r"x\.pt.*'data/0'"):
        open_checkpoint(path)


def test_more_records_than_the_file_can_hold_are_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(3)}, path)
    data = bytearray(path.read_bytes())
    struct.pack_into("<2Q", data, data.rfind(b"PK\x06\x06") + 24, 60_000, 60_000)
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="60,000 records"):
        open_checkpoint(path)


@pytest.mark.parametrize(
    ("mark", "offset", "value"),
    [(b"PK\x06\x06", 4, 43), (b"PK\x06\x07", 16, 0), (b"PK\x01\x02", 38, 0x10)],
    ids=["a short directory", "no disks", "a folder"],
)
def test_a_directory_that_pytorch_refuses_or_reads_no_record_by_is_refused(
    tmp_path: Path, mark: bytes, offset: int, value: int
) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(3)}, path)
    data = bytearray(path.read_bytes())
    data[data.rfind(mark) + offset] = value
    path.write_bytes(data)
    if mark != b"PK\x01\x02":
        with pytest.raises(RuntimeError, match="zip archive"):
            torch.load(path)
    with pytest.raises(CheckpointError, match=r"x\.pt.*its directory is damaged"):
        open_checkpoint(path)


@pytest.mark.parametrize("record", ["data/0", "version", "byteorder", "data.pkl"])
def test_a_record_that_inflates_a_thousandfold_is_refused(tmp_path: Path, record: str) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.zeros(20 << 20, dtype=torch.uint8)}, path)
    repack(path, zipfile.ZIP_DEFLATED, {record: bytes(70 << 20)})
    assert path.stat().st_size < 1 << 20
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        open_checkpoint(path)


@pytest.mark.parametrize("record", [".format_version", ".storage_alignment", "byteorder", "version", "data.pkl"])
@pytest.mark.parametrize("field", [0, 26], ids=["mark", "length of the name"])
def test_a_small_record_whose_own_header_is_damaged_is_refused(tmp_path: Path, record: str, field: int) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(3)}, path)
    data = bytearray(path.read_bytes())
    data[data.index(b"PK\x03\x04", data.index(f"x/{record}".encode()) - 30) + field] ^= 64
    path.write_bytes(data)
    if field == 0 and record != "data.pkl":  # at the very beginning it is the mark of the format
        with pytest.raises(RuntimeError, match="corrupted"):
            torch.load(path)
    with pytest.raises(CheckpointError, match=r"x\.pt" if record == "data.pkl" else rf"x\.pt.*{record}"):
        open_checkpoint(path)


@pytest.mark.parametrize("method, name", [(zipfile.ZIP_BZIP2, "bzip2"), (zipfile.ZIP_LZMA, "LZMA")])
def test_a_way_of_compressing_that_torch_does_not_read_is_named(tmp_path: Path, method: int, name: str) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(3)}, path)
    repack(path, method, {})
    with pytest.raises(CheckpointError, match=rf"compressed its record '.*' by {name}.*zip -0"):
        open_checkpoint(path)


def test_an_archive_that_a_zip_program_packed_with_its_folders_is_read(tmp_path: Path) -> None:
    path, packed = tmp_path / "x.pt", tmp_path / "packed.pt"
    torch.save({"a": torch.arange(3.0)}, path)
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(packed, "w") as target:
        for folder in ("x/", "x/data/"):
            target.mkdir(folder)
        for name in source.namelist():
            target.writestr(name, source.read(name))
    assert torch.equal(torch.load(packed)["a"], torch.arange(3.0))
    with open_checkpoint(packed).open() as reader:
        assert reader.read("a", 0, 12, np.empty(12, np.uint8)).view(np.float32).tolist() == [0, 1, 2]
