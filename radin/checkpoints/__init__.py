"""Files of weights, one reader per format."""

from __future__ import annotations

from pathlib import Path

from radin.checkpoints.base import Checkpoint as Checkpoint
from radin.checkpoints.base import Reader as Reader
from radin.checkpoints.dtypes import TensorInfo as TensorInfo
from radin.checkpoints.safetensors import SafetensorsCheckpoint
from radin.errors import CheckpointError, MissingFileError

PICKLED = (".pt", ".pth", ".ckpt", ".bin")
SUFFIXES = (".safetensors", *PICKLED)


def open_checkpoint(path: Path) -> Checkpoint:
    """Reads the header of one file; the suffix says which format it has.

    Raises:
        MissingFileError: there is no such file.
        CheckpointError: it is a folder, of an unknown format, damaged, or would run code.
    """
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, expected a file. Name its checkpoints: '{path}/*.safetensors'.")
    if not path.exists():
        raise MissingFileError(f"no such checkpoint: {path}")
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise CheckpointError(
            f"{path}: cannot tell the format from the suffix {suffix!r}; known: {', '.join(SUFFIXES)}"
        )
    try:
        if suffix == ".safetensors":
            return SafetensorsCheckpoint(path)
        from radin.checkpoints.pickled import PickledCheckpoint  # brings torch along

        return PickledCheckpoint(path)
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from error
