"""Arrays by name out of files of tensors that are no checkpoints: outputs and labels that somebody saved."""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import numpy as np

from radin.checkpoints.base import Checkpoint, Reader
from radin.checkpoints.contents import ALL
from radin.checkpoints.dtypes import TensorInfo
from radin.checkpoints.pickled import PickledCheckpoint
from radin.checkpoints.safetensors import SafetensorsCheckpoint
from radin.common.wording import shown
from radin.errors import CheckpointError

#: Suffixes of files that `read_tensors` reads.
SUFFIXES = (".pt", ".pth", ".safetensors")


def tensor_parts(path: Path, opened: ExitStack) -> dict[str, tuple[tuple[int, ...], Callable[[int, int], np.ndarray]]]:
    """The tensors in a file of PyTorch's or of safetensors, by name: shape, and what reads some of its elements.

    No code of the file is run. A file that holds one tensor alone gives it under an empty name, and a list of tensors
    gives them under their places. Tensors in dicts within dicts have names with dots. bfloat16 comes as float32, which
    holds it exactly.

    Arguments:
        path: the file.
        opened: closes it.

    Raises:
        CheckpointError: it cannot be read, would run code, or holds a tensor of a type that numpy lacks.
    """
    if path.suffix.lower() == ".safetensors":
        header: Checkpoint = SafetensorsCheckpoint(path)
    else:
        header = PickledCheckpoint(path, ALL, unnamed=True)
    reader = opened.enter_context(header.open())
    found: dict[str, tuple[tuple[int, ...], Callable[[int, int], np.ndarray]]] = {}
    for name in header.names:
        info = header.info(name)
        if info.kind.family == "opaque":
            raise CheckpointError(
                f"{path}: expected numbers that numpy has, got {shown(name)} of {info.dtype}; save it as float32"
            )
        found[name] = info.shape, partial(_elements, reader, name, info)
    return found


def _elements(reader: Reader, name: str, info: TensorInfo, start: int, stop: int) -> np.ndarray:
    """Elements `[start, stop)` of one tensor, in memory of their own."""
    width = info.kind.itemsize
    buffer = np.empty((stop - start) * width, dtype=np.uint8)
    raw = np.array(reader.read(name, start * width, stop * width, buffer))
    if info.dtype == "bfloat16":
        return np.asarray((raw.view(np.uint16).astype(np.uint32) << 16).view(np.float32))
    return np.asarray(raw.view(info.kind.storage))


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors in a file, see `tensor_parts`, whole and in memory."""
    with ExitStack() as opened:
        parts = tensor_parts(path, opened)
        return {name: read(0, math.prod(shape)).reshape(shape) for name, (shape, read) in parts.items()}
