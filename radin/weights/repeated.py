"""Models that lie in two folders: a trainer's final model is often its last checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from radin.checkpoints import NetworkCheckpoint
from radin.weights.tiling import TILE, tiles

#: Bytes that are looked at in each of a few tensors; fine-tuned weights nearly always differ there.
GLANCE = 4_096

#: Tensors that are looked at, spread over the model.
TENSORS = 8


def repeated_models(checkpoints: Sequence[NetworkCheckpoint]) -> dict[int, int]:
    """`{index: index of the checkpoint with the same weights that stays}`, where one of the two is a model's folder.

    Of a final model and a checkpoint in its folder the checkpoint stays, else the first. A few kB of every file are
    read; more only of those that agree there.

    Arguments:
        checkpoints: of equal tensors.
    """
    seen: dict[tuple[bytes, ...], list[int]] = {}
    gone: dict[int, int] = {}
    if not any(one.folder for one in checkpoints):
        return gone
    for i, checkpoint in enumerate(checkpoints):
        alike = seen.setdefault(_glance(checkpoint), [])
        for j in alike:
            other = checkpoints[j]
            if (checkpoint.folder or other.folder) and _equal(checkpoint, other):
                stays, goes = (i, j) if _holds(other.path, checkpoint.path) else (j, i)
                gone[goes] = stays
                if goes == j:
                    alike[alike.index(j)] = i
                break
        else:
            alike.append(i)
    return gone


def said_of_repeated(left_out: Path, kept: Path) -> str:
    """A note on an ingredient that is left out, since another one is the same model."""
    return f"{left_out} is left out: it holds the same weights as {kept}"


def _holds(folder: Path, inner: Path) -> bool:
    return folder.resolve() in inner.resolve().parents


def _glance(checkpoint: NetworkCheckpoint) -> tuple[bytes, ...]:
    names = sorted(checkpoint.tensors)
    chosen = names[:: max(1, len(names) // TENSORS)]
    with checkpoint.open() as reader:
        parts = []
        for name in chosen:
            count = min(GLANCE, checkpoint.info(name).nbytes)
            parts.append(reader.read(name, 0, count, np.empty(count, dtype=np.uint8)).tobytes())
    return tuple(parts)


def _equal(one: NetworkCheckpoint, other: NetworkCheckpoint) -> bool:
    space = np.empty((2, 8 * TILE), dtype=np.uint8)
    with ExitStack() as stack:
        here, there = stack.enter_context(one.open()), stack.enter_context(other.open())
        for name, info in one.tensors.items():
            width = info.kind.itemsize
            if other.info(name) != info:  # a counter in another dtype
                return False
            for start, stop in tiles(info.numel):
                left = here.read(name, start * width, stop * width, space[0])
                if not np.array_equal(left, there.read(name, start * width, stop * width, space[1])):
                    return False
    return True
