"""PyTorch's own files: pickles that refer to storages. Read as data, without PyTorch; none of their code is ever run.

The pickle says where each tensor's elements lie, and the elements are read from there when they are wanted. Files since
PyTorch 1.6 are zip archives of storages; in older ones the storages follow the pickle.
"""

from __future__ import annotations

import io
import struct
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.allowance import ALLOWANCE, Allowance, Damaged
from radin.checkpoints.archive import BEGINNING, Archive, Record, inflated
from radin.checkpoints.base import Checkpoint, Reader, Signature
from radin.checkpoints.contents import LIGHTNING_MARK, choose, stated_classes
from radin.checkpoints.dtypes import DTYPES
from radin.checkpoints.names import check_names, ties
from radin.checkpoints.positioned import PositionedReader
from radin.checkpoints.rebuilding import STAND_INS as STAND_INS
from radin.checkpoints.rebuilding import Named, NotLoadable, NumpyArray
from radin.checkpoints.stored import (
    ArrayTensor,
    Storage,
    StoredTensor,
    Tensor,
    UnusableTensor,
    ViewReader,
)
from radin.checkpoints.unpickler import OtherProtocol, RunsCode, Unpickler
from radin.common.wording import counted, shown
from radin.errors import CheckpointError

#: How files of PyTorch before 1.6 begin: a pickle of this number, then one of their format's version.
MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001

#: How pickles begin: from protocol 2 on with the protocol, before with the number above as text.
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"L1")

#: Bytes that views may take beyond what is stored, such as expanded tensors do.
EXPANDED = 64 << 20

#: Inflated records that a reader keeps, one for each thread that reads, while they take no more than these bytes.
KEPT, KEPT_BYTES = 4, 64 << 20

#: Bytes that may be read beyond 64 times what is stored. Views that are spread over all of a storage read all of it,
#: and records that are compressed are inflated as a whole.
SPREAD = 1 << 30

#: Times the size of an archive that its records may take when inflated.
INFLATED = 6


@dataclass(frozen=True)
class _Place:
    """Place of a storage in the file."""

    offset: int
    record: Record | None = None


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
            self._file = _read(file, path)
        content, self._file.content = self._file.content, None  # of training checkpoints it is large
        content = _by_name(content) if unnamed else content
        try:
            chosen = choose(path, content, weights, _tensor_of, self._file.allowance)
        except Damaged as error:
            raise _no_checkpoint(path, str(error)) from error
        self.weights, self.left_out, self.extra = chosen.weights, chosen.left_out, chosen.extra
        self.versions = chosen.versions
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
        places: Mapping[str, _Place],
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

    def _whole(self, key: str, place: _Place, record: Record) -> UInt8[np.ndarray, " bytes"]:
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


@dataclass
class _File:
    """The content of a file as data, and the places of its storages."""

    content: Any
    places: dict[str, _Place]
    allowance: Allowance
    swapped: bool = False
    """Whether its storages have the other byte order."""


def _read(file: io.BufferedIOBase, path: Path) -> _File:
    start = file.read(4)
    if not start:
        raise CheckpointError(f"{path} is empty, expected a PyTorch checkpoint. Copy or save it again.")
    file.seek(0)
    try:
        return _from_archive(file, path) if start == BEGINNING else _from_pickles(file, path)
    except RunsCode as error:
        raise _runs_code(path, str(error)) from error
    except OtherProtocol as error:
        raise CheckpointError(
            f"{path} was saved with pickle protocol {error}, which PyTorch's safe reader does not know. Save it again "
            "with torch.save, without pickle_protocol: PyTorch's own is 2."
        ) from error
    except Damaged as error:
        raise _no_checkpoint(path, str(error)) from error
    except MemoryError as error:
        raise _no_checkpoint(path, "it asks for more memory than there is") from error


def _from_archive(file: io.BufferedIOBase, path: Path) -> _File:
    archive = Archive(file, path)
    if any(name == "constants.pkl" for name in archive.records):
        raise _runs_code(path, "a TorchScript program")
    allowance = Allowance(archive.size)
    order = archive.contents("byteorder", 64) if "byteorder" in archive.records else b"little"
    if order not in (b"little", b"big"):
        raise Damaged(f"its byte order is {order[:20]!r}")
    storages: dict[str, Storage] = {}
    places: dict[str, _Place] = {}

    def load(pid: Any) -> Storage:
        dtype, key, numel = _persistent(pid, 5)
        nbytes = numel * DTYPES[dtype].itemsize
        known = storages.get(key)
        if known is not None and (known.dtype == dtype or known.nbytes == nbytes):
            return Storage(key, dtype, known.nbytes)
        name = f"data/{key}"
        record = archive.records.get(name)
        if record is None or record.size != nbytes:
            held = "is not there" if record is None else f"has {record.size:,} bytes, where its tensors have {nbytes:,}"
            raise Damaged(f"its record {shown(name)} {held}")
        places[key] = _Place(archive.offset(name), record)
        return storages.setdefault(key, Storage(key, dtype, nbytes))

    pickled = archive.contents("data.pkl", allowance.left // 2)
    allowance.spend(len(pickled))
    content = Unpickler(io.BytesIO(pickled), len(pickled), allowance, load).value()
    inflated_size = sum(place.record.size for place in places.values() if place.record and place.record.deflated)
    if inflated_size > max(ALLOWANCE, INFLATED * archive.size):
        raise Damaged(f"its compressed records take {inflated_size:,} bytes, which no weights of its size do")
    return _File(content, places, allowance, swapped=order != b"little")


def _from_pickles(file: io.BufferedIOBase, path: Path) -> _File:
    """A file of PyTorch before 1.6: five pickles, then each storage with its length in front."""
    if file.read(2) not in PICKLES:
        raise CheckpointError(
            f"{path} is no PyTorch checkpoint: it is neither an archive nor a pickle as torch.save writes them. Copy "
            "it again, or name it after its real format."
        )
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    allowance = Allowance(size)
    storages: dict[str, Storage] = {}
    views: dict[str, Storage] = {}

    def load(pid: Any) -> Storage:
        dtype, key, numel = _persistent(pid, 6)
        nbytes = numel * DTYPES[dtype].itemsize
        known = storages.setdefault(key, Storage(key, dtype, nbytes))
        if known.dtype != dtype:
            if known.nbytes != nbytes:
                raise NotLoadable("a storage of two lengths")
            known = Storage(key, dtype, nbytes)
        if pid[5] is None:
            return known
        view_key, offset, length = pid[5]
        width = DTYPES[dtype].itemsize
        if not (isinstance(view_key, str) and _is_count(offset) and _is_count(length)):
            raise NotLoadable("a storage that is an odd part of another")
        if (offset + length) * width > known.nbytes:
            raise NotLoadable("a storage that is no part of another")
        return views.setdefault(view_key, Storage(key, dtype, length * width, offset * width))

    def value() -> Any:
        return Unpickler(file, size, allowance, load).value()

    if value() != MAGIC:
        raise Damaged("it is a pickle, but not of torch.save")
    if value() != VERSION:
        raise Damaged("it is of a version of PyTorch's format that nobody knows")
    value()  # sizes of C's types where it was written
    content = value()
    keys = value()
    if not isinstance(keys, list):
        raise Damaged("its list of storages is missing")
    places = {}
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        head = file.read(8)
        if storage is None or len(head) < 8:
            raise Damaged("its storages are cut off (truncated?)")
        held = struct.unpack("<q", head)[0] * DTYPES[storage.dtype].itemsize
        if held != storage.nbytes or file.tell() + held > size:
            raise Damaged(f"its storage {shown(key)} should take {storage.nbytes:,} bytes (truncated?)")
        places[key] = _Place(file.tell())
        file.seek(held, io.SEEK_CUR)
    if missing := storages.keys() - places.keys():
        raise Damaged(f"{counted(len(missing), 'storage')} of its tensors are missing")
    return _File(content, places, allowance)


def _persistent(pid: Any, parts: int) -> tuple[str, str, int]:
    """Element type, key and number of elements of a storage, as a pickle refers to it."""
    if not isinstance(pid, tuple) or len(pid) != parts or pid[0] != "storage":
        raise NotLoadable("a reference to what is no storage")
    _, kind, key, device, numel = pid[:5]
    dtype = kind.path.removeprefix("storage ") if isinstance(kind, Named) else ""
    dtype = "uint8" if dtype == "untyped" and parts == 5 else dtype
    if dtype not in DTYPES or not isinstance(key, str) or not isinstance(device, str) or not _is_count(numel):
        raise NotLoadable("a storage without type, key and length")
    return dtype, key, numel


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**60


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


def _runs_code(path: Path, name: str) -> CheckpointError:
    if name.startswith("torch.distributed"):
        return CheckpointError(
            f"{path} holds parts of tensors that are shared out over processes (it names {name}). Save whole tensors: "
            "torch.distributed.checkpoint.state_dict.get_model_state_dict with full_state_dict=True."
        )
    return CheckpointError(
        f"{path} holds more than tensors: loading it would run code, which radin never does (it names "
        f"{shown(name)}). If you trust the file, save its weights alone where it was made: "
        "torch.save(model.state_dict(), 'weights.pt')."
    )


def _no_checkpoint(path: Path, problem: str) -> CheckpointError:
    return CheckpointError(
        f"{path} is no complete PyTorch checkpoint: {problem}. Expected what torch.save writes; copy or save it again."
    )
