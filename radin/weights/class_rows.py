"""A checkpoint whose head gives the classes in another order: its rows are read in the order of the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints import ModelFolder, NetworkCheckpoint, Reader, TensorInfo
from radin.common.wording import shown
from radin.errors import IncompatibleError


class ReorderedCheckpoint(NetworkCheckpoint):
    """Another checkpoint with the rows of its head in another order.

    Arguments:
        inner: a folder of a model.
        order: for each class its row in the head of `inner`.
        names: the classes in the new order.

    Attributes:
        order: as given.

    Raises:
        IncompatibleError: it cannot be told which tensors are the head's.
    """

    def __init__(self, inner: NetworkCheckpoint, order: Sequence[int], names: Sequence[str]) -> None:
        vars(self).update(vars(inner))
        self._heads = heads_of(inner, len(order))
        self.order = tuple(order)
        self.class_names = tuple(names)

    def open(self, keep: bool = True) -> Reader:
        """Opens the files for reading their tensors' bytes."""
        rows = {name: self.info(name).nbytes // len(self.order) for name in self._heads}
        return _RowsReader(super().open(keep), rows, self.order)


class _RowsReader(Reader):
    def __init__(self, inner: Reader, rows: Mapping[str, int], order: Sequence[int]) -> None:
        self._inner = inner
        self._rows = rows
        self._order = order

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor, in the new order."""
        width = self._rows.get(name, 0)
        if not width:
            return self._inner.read(name, start, stop, buffer)
        space, done = np.empty(width, dtype=np.uint8), 0
        for row in range(start // width, -(-stop // width)):
            first, last = max(start, row * width) - row * width, min(stop, (row + 1) * width) - row * width
            there = self._order[row] * width
            part = self._inner.read(name, there + first, there + last, space)
            buffer[done : done + last - first] = part
            done += last - first
        return buffer[:done]

    def check_unchanged(self) -> None:
        """Raises CheckpointError if a file was changed since its header was read."""
        self._inner.check_unchanged()

    def close(self) -> None:
        """Lets go of the files."""
        self._inner.close()


def heads_of(checkpoint: NetworkCheckpoint, classes: int) -> list[str]:
    """The tensors of a head: those outside of the network's body that have one row for each class.

    The body is what most of the weights have in front of their names, such as `bert.` or `model.`.

    Raises:
        IncompatibleError: there is none, or a matrix has as many columns as rows, so that either may be the classes.
    """
    sizes: Counter[str] = Counter()
    for name, info in checkpoint.tensors.items():
        sizes[_top(name)] += info.nbytes
    body = sizes.most_common(1)[0][0]
    outside = {name: info for name, info in checkpoint.tensors.items() if _top(name) != body}
    heads = [name for name, info in outside.items() if info.shape and info.shape[0] == classes]
    where = checkpoint.path
    if not heads:
        raise IncompatibleError(f"{where}: there is no head with {classes} rows, so its classes cannot be reordered")
    square = next((name for name in heads if _is_square(outside[name])), None)
    if square is not None:
        raise IncompatibleError(
            f"{where}: tensor {shown(square)} has as many columns as there are classes, so it cannot be told whether "
            "its rows are classes. Fine-tune with one order of classes."
        )
    return heads


def _top(name: str) -> str:
    return name.partition(".")[0]


def _is_square(info: TensorInfo) -> bool:
    return len(info.shape) > 1 and info.shape[1] == info.shape[0]


def in_one_order(checkpoints: Sequence[NetworkCheckpoint]) -> list[NetworkCheckpoint]:
    """The same checkpoints, with the classes of every folder in the order of the first folder that has names for them.

    Raises:
        IncompatibleError: see `heads_of`.
    """
    names = next((one.class_names for one in checkpoints if one.folder and one.class_names), None)
    return [_reordered(one, names) for one in checkpoints]


def _reordered(checkpoint: NetworkCheckpoint, names: Sequence[str] | None) -> NetworkCheckpoint:
    order = order_of(checkpoint.folder, names) if checkpoint.folder and names else None
    return checkpoint if order is None or names is None else ReorderedCheckpoint(checkpoint, order, names)


def order_of(folder: ModelFolder, names: Sequence[str]) -> list[int] | None:
    """For each class in a given order its row in a folder's head; None where the folder has that order already.

    Folders with other classes are left as they are: they are refused elsewhere.
    """
    own = folder.class_names
    if own is None or own == tuple(names) or sorted(own) != sorted(names):
        return None
    return [own.index(name) for name in names]
