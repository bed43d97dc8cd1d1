"""Files that are no checkpoint, or one of another format than their name says, told by how they begin."""

from __future__ import annotations

from pathlib import Path

from radin.errors import CheckpointError

#: Bytes that are looked at: those up to the mark of tar archives.
LOOKED_AT = 262

#: Where the mark of tar archives stands.
TAR = 257

#: Beginnings, with what such a file is, and what to do about it.
BEGINNINGS: tuple[tuple[bytes, str, str], ...] = (
    (
        b"version https://git-lfs.github.com/spec/v1",
        "a pointer of Git LFS, not the checkpoint itself",
        "Fetch that: run `git lfs pull` in its repository.",
    ),
    (b"\x1f\x8b", "compressed by gzip", "Unpack it: gunzip."),
    (b"BZh", "compressed by bzip2", "Unpack it: bunzip2."),
    (b"\xfd7zXZ\x00", "compressed by xz", "Unpack it: unxz."),
    (b"\x28\xb5\x2f\xfd", "compressed by Zstandard", "Unpack it: unzstd."),
    (b"7z\xbc\xaf\x27\x1c", "an archive of 7-Zip", "Unpack it, and give the checkpoints in it."),
    (b"\x89HDF\r\n\x1a\n", "an HDF5 file, such as Keras writes", "Save the network with torch.save or safetensors."),
    (b"GGUF", "a GGUF file", "Give the weights that it was made of, in PyTorch's format or as safetensors."),
    (b"\x93NUMPY", "an array of numpy", "Save the network with torch.save or safetensors."),
    (b"<!DOCTYPE html", "a web page", "It may say why the file was not sent: open it, and download the file again."),
    (b"<html", "a web page", "It may say why the file was not sent: open it, and download the file again."),
)


def refuse_other_formats(path: Path, suffix: str) -> None:
    """Refuses a file that begins as those of another format do.

    Arguments:
        path: a regular file.
        suffix: the end of its name that says the format, in lower case.

    Raises:
        CheckpointError: says what it is, and the remedy.
    """
    with path.open("rb") as file:
        start = file.read(LOOKED_AT)
    if suffix == ".safetensors" and start[8:9] == b"{":  # the bytes in front are a length, and may be any
        return
    for beginning, what, remedy in BEGINNINGS:
        if start.lower().startswith(beginning.lower()):
            raise CheckpointError(f"{path} is {what}. {remedy}")
    if start[TAR : TAR + 5] == b"ustar":
        raise CheckpointError(f"{path} is a tar archive. Unpack it, and give the checkpoints in it.")
    if suffix == ".safetensors" and start.startswith((b"PK\x03\x04", b"\x80\x02")):
        raise CheckpointError(f"{path} was written by torch.save, and is no safetensors file. Name it {path.stem}.pt.")
    if suffix != ".safetensors" and start[8:10] == b'{"':
        raise CheckpointError(f"{path} is a safetensors file. Name it {path.stem}.safetensors.")
