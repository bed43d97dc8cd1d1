"""Files of PyTorch's, as tests of reading them need them."""

import zipfile
from pathlib import Path

import numpy as np

from radin.checkpoints import open_checkpoint


def contents(path: Path, name: str) -> bytes:
    """The bytes of one tensor."""
    checkpoint = open_checkpoint(path)
    size = checkpoint.info(name).nbytes
    with checkpoint.open() as reader:
        return reader.read(name, 0, size, np.empty(size, np.uint8)).tobytes()


def repack(path: Path, method: int, changed: dict[str, bytes]) -> None:
    """Writes an archive anew, as an ordinary zip program does."""
    with zipfile.ZipFile(path) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in entries.items():
            target.writestr(name, changed.get(name.partition("/")[2], data))
