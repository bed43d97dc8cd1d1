"""Arrays by name out of files of tensors that are no checkpoints: outputs and labels that somebody saved."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from radin.checkpoints.base import Checkpoint
from radin.checkpoints.contents import ALL
from radin.checkpoints.pickled import PickledCheckpoint
from radin.checkpoints.safetensors import SafetensorsCheckpoint
from radin.common.wording import shown
from radin.errors import CheckpointError

#: Suffixes of files that `read_tensors` reads.
SUFFIXES = (".pt", ".pth", ".safetensors")


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors in a file of PyTorch's or of safetensors, by name, in memory; no code of the file is run.

    A file that holds one tensor alone gives it under an empty name, and a list of tensors gives them under their
    places. Tensors in dicts within dicts have names with dots. bfloat16 comes as float32, which holds it exactly.

    Raises:
        CheckpointError: it cannot be read, would run code, or holds a tensor of a type that numpy lacks.
    """
    if path.suffix.lower() == ".safetensors":
        header: Checkpoint = SafetensorsCheckpoint(path)
    else:
        header = PickledCheckpoint(path, ALL, unnamed=True)
    with header.open() as reader:
        found = {}
        for name in header.names:
            info = header.info(name)
            if info.kind.family == "opaque":
                raise CheckpointError(
                    f"{path}: expected numbers that numpy has, got {shown(name)} of {info.dtype}; save it as float32"
                )
            raw = np.array(reader.read(name, 0, info.nbytes, np.empty(info.nbytes, dtype=np.uint8)))
            if info.dtype == "bfloat16":
                values = (raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
            else:
                values = raw.view(info.kind.storage)
            found[name] = values.reshape(info.shape)
    return found
