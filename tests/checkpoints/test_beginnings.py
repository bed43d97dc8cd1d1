"""Files that are no checkpoint, or of another format than their name says, and the remedy for each."""

import gzip
import tarfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from radin.checkpoints import open_checkpoint
from radin.errors import CheckpointError


@pytest.mark.parametrize(
    "content, said",
    [
        (b"\x89HDF\r\n\x1a\n" + bytes(300), r"an HDF5 file.*torch\.save"),
        (b"GGUF" + bytes(300), "a GGUF file"),
        (b"<!doctype HTML><html>401", "a web page.*download"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 3\n", "git lfs pull"),
    ],
)
@pytest.mark.parametrize("suffix", ["pt", "safetensors"])
def test_another_format_is_named_with_its_remedy(tmp_path: Path, content: bytes, said: str, suffix: str) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=rf"{path.name} is {said}|{path.name} is .*{said}"):
        open_checkpoint(path)


@pytest.mark.parametrize("length", [0x0280, 0x8B1F, 0x685A42], ids=["pickle", "gzip", "bzip2"])
def test_the_length_of_a_safetensors_header_is_no_beginning_of_another_format(tmp_path: Path, length: int) -> None:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'
    path = tmp_path / "x.safetensors"
    path.write_bytes(length.to_bytes(8, "little") + header + b" " * (length - len(header)) + bytes(4))
    assert list(open_checkpoint(path).tensors) == ["w"]


def test_what_is_packed_says_how_to_unpack_it(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "run.pt")
    (tmp_path / "packed.pt").write_bytes(gzip.compress((tmp_path / "run.pt").read_bytes()))
    with pytest.raises(CheckpointError, match=r"compressed by gzip.*gunzip"):
        open_checkpoint(tmp_path / "packed.pt")
    with tarfile.open(tmp_path / "runs.tar", "w") as archive:
        archive.add(tmp_path / "run.pt", "run.pt")
    with pytest.raises(CheckpointError, match=r"a tar archive.*checkpoints in it"):
        open_checkpoint(tmp_path / "runs.tar")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_name_of_the_other_format_is_mended_by_renaming(tmp_path: Path, zipped: bool) -> None:
    torch.save({"w": torch.ones(3)}, tmp_path / "a.safetensors", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"written by torch\.save.*Name it a\.pt"):
        open_checkpoint(tmp_path / "a.safetensors")
    save_file({"w": torch.ones(3)}, tmp_path / "b.bin")
    with pytest.raises(CheckpointError, match=r"is a safetensors file.*Name it b\.safetensors"):
        open_checkpoint(tmp_path / "b.bin")
    (tmp_path / "a.safetensors").rename(tmp_path / "a.pt")
    (tmp_path / "b.bin").rename(tmp_path / "b.safetensors")
    assert all(list(open_checkpoint(tmp_path / name).tensors) == ["w"] for name in ("a.pt", "b.safetensors"))
