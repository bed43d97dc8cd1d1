"""PyTorch's own files: pickles that refer to storages. Read as data, without PyTorch; none of their code is ever run.

The pickle says where each tensor's elements lie, and the elements are read from there when they are wanted.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.allowance import Damaged
from radin.checkpoints.archive import Record, inflated
from radin.checkpoints.base import Checkpoint, Reader, Signature
from radin.checkpoints.contents import LIGHTNING_MARK, choose
from radin.checkpoints.dtypes import DTYPES
from radin.checkpoints.names import check_names, ties
from radin.checkpoints.positioned import PositionedReader
from radin.checkpoints.rebuilding import NumpyArray
from radin.checkpoints.stated import stated_classes
from radin.checkpoints.stored import (
    ArrayTensor,
    Storage,
    StoredTensor,
    Tensor,
    UnusableTensor,
    ViewReader,
)
from radin.checkpoints.torch_file import Place, no_checkpoint, read_torch_file
from radin.common.wording import shown
from radin.errors import CheckpointError

#: Bytes that views may take beyond what is stored, such as expanded tensors do.
EXPANDED = 64 << 20

#: Inflated records that a reader keeps, one for each thread that reads, while they take no more than these bytes.
KEPT, KEPT_BYTES = 4, 64 << 20

#: Bytes that may be read beyond 64 times what is stored. Views that are spread over all of a storage read all of it,
#: and records that are compressed are inflated as a whole.
SPREAD = 1 << 30


class PickledCheckpoint(Checkpoint):
    """The header of a file of PyTorch's, such as `.pt`: a state dict, or a training checkpoint that holds some.

    Names of tensors that share their memory and its layout become `aliases`.

    Arguments:
        path: the file.
        weights: which weights to take of a file that holds several, see `radin.checkpoints.contents.choose`.
        unnamed: takes a tensor that stands alone under an empty name, and a list of tensors under their places.

    Raises:
        CheckpointError: the file would run code, is damaged, holds no tensors, not those that were asked for, or
            several sets of weights while `weights` is None.
    """

    def __init__(self, path: Path, weights: str | None = None, *, unnamed: bool = False) -> None:
        self.path = path
        self._signature = Signature(path)
        with path.open("rb") as file:
            self._file = read_torch_file(file, path)
        content, self._file.content = self._file.content, None  # of training checkpoints it is large
        content = _by_name(content) if unnamed else content
        try:
            chosen = choose(path, content, weights, _tensor_of, self._file.allowance)
        except Damaged as error:
            raise no_checkpoint(path, str(error)) from error
        self.weights, self.left_out, self.extra = chosen.weights, chosen.left_out, chosen.extra
        self.versions, self.numbers = chosen.versions, chosen.numbers
        self.lightning = isinstance(content, Mapping) and LIGHTNING_MARK in content
        self.class_names = stated_classes(content)
        check_names([*chosen.tensors, *chosen.extra], path)
        self._stored = {name: _usable(path, name, tensor) for name, tensor in chosen.tensors.items()}
        self.aliases = ties({name: tensor.identity for name, tensor in self._stored.items()})
        self.tensors = {name: one.info for name, one in self._stored.items() if name not in self.aliases}
        self._check_size()

    def _check_size(self) -> None:
        """Refuses views that stand for far more elements than are stored, before anything is done for each."""
        wanted = sum(info.nbytes for info in self.tensors.values())
        stored = sum({one.storage.key: one.storage.nbytes for one in self._views()}.values())
        if wanted > stored + max(EXPANDED, stored):
            name = max(self.tensors, key=lambda name: self.tensors[name].nbytes)
            raise CheckpointError(
                f"{self.path}: its tensors take {wanted:,} bytes, of which {stored:,} are stored: {shown(name)} "
                f"({self.tensors[name]}) repeats elements. Save contiguous copies: tensor.contiguous()."
            )
        read = sum(self._read_for(one) for name, one in self._stored.items() if name in self.tensors)
        if read > SPREAD + 64 * stored:
            raise CheckpointError(
                f"{self.path}: its tensors are spread over what is stored ({stored:,} bytes) so that {read:,} bytes "
                "would have to be read. Save contiguous copies: tensor.contiguous()."
            )

    def _read_for(self, tensor: StoredTensor | ArrayTensor) -> int:
        """Bytes that are read or inflated to have one tensor."""
        if isinstance(tensor, ArrayTensor):
            return 0
        record = self._file.places[tensor.storage.key].record
        if record is not None and record.deflated:
            return record.size
        return tensor.info.nbytes if tensor.plain else tensor.extent * tensor.info.kind.itemsize

    def _views(self) -> list[StoredTensor]:
        return [one for one in self._stored.values() if isinstance(one, StoredTensor)]

    def open(self, keep: bool = True) -> Reader:
        """Opens the file for reading its tensors' bytes."""
        return _StorageReader(self._signature, self._stored, self._file.places, self._file.swapped, keep)


class _StorageReader(PositionedReader):
    def __init__(
        self,
        signature: Signature,
        tensors: Mapping[str, StoredTensor | ArrayTensor],
        places: Mapping[str, Place],
        swapped: bool,
        keep: bool,
    ) -> None:
        super().__init__(signature, keep)
        self._tensors = tensors
        self._places = places
        self._swapped = swapped
        self._views: dict[str, ViewReader] = {}
        self._inflated: OrderedDict[str, UInt8[np.ndarray, " bytes"]] = OrderedDict()
        self._lock = threading.Lock()

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor, in `buffer` where they lie one after the other in the file."""
        tensor = self._tensors[name]
        if isinstance(tensor, ArrayTensor):
            return tensor.raw[start:stop]
        width = tensor.info.kind.itemsize
        if tensor.plain:
            return self._storage(tensor.storage, tensor.offset * width + start, buffer[: stop - start])
        if name not in self._views:
            storage = tensor.storage
            self._views[name] = ViewReader(
                tensor, lambda first, count: self._storage(storage, first, np.empty(count, dtype=np.uint8))
            )
        return self._views[name].elements(start // width, stop // width)

    def _storage(
        self, storage: Storage, start: int, target: UInt8[np.ndarray, " bytes"]
    ) -> UInt8[np.ndarray, " bytes"]:
        place = self._places[storage.key]
        start += storage.start
        if place.record is not None and place.record.deflated:
            np.copyto(target, self._whole(storage.key, place, place.record)[start : start + target.size])
        else:
            self._fill(target, place.offset + start)
        if self._swapped:
            width = DTYPES[storage.dtype].itemsize // (2 if storage.dtype.startswith("complex") else 1)
            target.view(f"u{width}").byteswap(inplace=True)
        return target

    def _whole(self, key: str, place: Place, record: Record) -> UInt8[np.ndarray, " bytes"]:
        """The contents of a compressed record, which cannot be read in part."""
        with self._lock:
            if key not in self._inflated:
                raw = self._fill(np.empty(record.stored, dtype=np.uint8), place.offset).tobytes()
                contents = inflated(raw, record, f"{self._path}: record {shown(key)}")
                self._inflated[key] = np.frombuffer(contents, dtype=np.uint8)
                while len(self._inflated) > 1 and (
                    len(self._inflated) > KEPT or sum(one.size for one in self._inflated.values()) > KEPT_BYTES
                ):
                    self._inflated.popitem(last=False)
            self._inflated.move_to_end(key)
            return self._inflated[key]

    def close(self) -> None:
        """Closes the descriptor, if one is held, and lets go of what was kept."""
        super().close()
        self._views, self._inflated = {}, OrderedDict()


def _tensor_of(value: Any) -> Any:
    if isinstance(value, NumpyArray):
        return value.tensor
    return value if isinstance(value, Tensor) else None


def _by_name(content: Any) -> Any:
    """A tensor alone as a dict with an empty name, and a list or tuple as a dict of places."""
    if isinstance(content, list | tuple):
        return {str(i): one for i, one in enumerate(content)}
    return content if _tensor_of(content) is None else {"": content}


def _usable(path: Path, name: str, tensor: Tensor) -> StoredTensor | ArrayTensor:
    if isinstance(tensor, UnusableTensor):
        raise CheckpointError(
            f"{path}: tensor {shown(name)} has {tensor.kind}, which radin cannot average. "
            f"Save it dense, in one of: {', '.join(DTYPES)}."
        )
    return tensor
