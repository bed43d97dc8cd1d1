"""The two layouts of PyTorch's own files: zip archives of storages since 1.6, and pickles in a row before.

The pickle is read as data, and every storage that it refers to gets its place in the file.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radin.checkpoints.allowance import ALLOWANCE, Allowance, Damaged
from radin.checkpoints.archive import BEGINNING, Archive, Record
from radin.checkpoints.dtypes import DTYPES
from radin.checkpoints.rebuilding import Named, NotLoadable
from radin.checkpoints.stored import QUANTISED, Storage, width_of
from radin.checkpoints.unpickler import OtherProtocol, RunsCode, Unpickler
from radin.common.wording import counted, shown
from radin.errors import CheckpointError

#: How files of PyTorch before 1.6 begin: a pickle of this number, then one of their format's version.
MAGIC = 0x1950A86A20F9469CFC6C
VERSION = 1001

#: How pickles begin: from protocol 2 on with the protocol, before with the number above as text.
PICKLES = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"L1")

#: Libraries whose tensors are packed numbers of their own.
QUANTISERS = ("torchao.", "bitsandbytes.", "optimum.quanto.", "hqq.")

#: Times the size of an archive that its records may take when inflated.
INFLATED = 6


@dataclass(frozen=True)
class Place:
    """Place of a storage in the file."""

    offset: int
    record: Record | None = None


@dataclass
class TorchFile:
    """The content of a file as data, and the places of its storages."""

    content: Any
    places: dict[str, Place]
    allowance: Allowance
    swapped: bool = False
    """Whether its storages have the other byte order."""


def read_torch_file(file: io.BufferedIOBase, path: Path) -> TorchFile:
    """The content of a file of PyTorch's, and the places of its storages.

    Raises:
        CheckpointError: the file would run code, is damaged, or is none of PyTorch's.
    """
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
        raise no_checkpoint(path, str(error)) from error
    except MemoryError as error:
        raise no_checkpoint(path, "it asks for more memory than there is") from error


def _from_archive(file: io.BufferedIOBase, path: Path) -> TorchFile:
    archive = Archive(file, path)
    if any(name == "constants.pkl" for name in archive.records):
        raise _runs_code(path, "a TorchScript program")
    allowance = Allowance(archive.size)
    order = archive.contents("byteorder", 64) if "byteorder" in archive.records else b"little"
    if order not in (b"little", b"big"):
        raise Damaged(f"its byte order is {order[:20]!r}")
    storages: dict[str, Storage] = {}
    places: dict[str, Place] = {}

    def load(pid: Any) -> Storage:
        dtype, key, numel = _persistent(pid, 5)
        nbytes = numel * width_of(dtype)
        known = storages.get(key)
        if known is not None and (known.dtype == dtype or known.nbytes == nbytes):
            return Storage(key, dtype, known.nbytes)
        name = f"data/{key}"
        record = archive.records.get(name)
        if record is None or record.size != nbytes:
            held = "is not there" if record is None else f"has {record.size:,} bytes, where its tensors have {nbytes:,}"
            raise Damaged(f"its record {shown(name)} {held}")
        places[key] = Place(archive.offset(name), record)
        return storages.setdefault(key, Storage(key, dtype, nbytes))

    pickled = archive.contents("data.pkl", allowance.left // 2)
    allowance.spend(len(pickled))
    content = Unpickler(io.BytesIO(pickled), len(pickled), allowance, load).value()
    inflated_size = sum(place.record.size for place in places.values() if place.record and place.record.deflated)
    if inflated_size > max(ALLOWANCE, INFLATED * archive.size):
        raise Damaged(f"its compressed records take {inflated_size:,} bytes, which no weights of its size do")
    return TorchFile(content, places, allowance, swapped=order != b"little")


def _from_pickles(file: io.BufferedIOBase, path: Path) -> TorchFile:
    """A file of PyTorch before 1.6: five pickles, then each storage with its length in front."""
    if file.read(2) not in PICKLES:
        raise CheckpointError(
            f"{path} is no PyTorch checkpoint: it is neither an archive nor a pickle as torch.save writes them. Copy "
            "it again, or name it after its real format."
        )
    file.seek(0, io.SEEK_END)
    size = file.tell()
    file.seek(0)
    allowance, known = Allowance(size), _OldStorages()

    def value() -> Any:
        return Unpickler(file, size, allowance, known.load).value()

    if value() != MAGIC:
        raise Damaged("it is a pickle, but not of torch.save")
    if value() != VERSION:
        raise Damaged("it is of a version of PyTorch's format that nobody knows")
    value()  # sizes of C's types where it was written
    content = value()
    keys = value()
    if not isinstance(keys, list):
        raise Damaged("its list of storages is missing")
    return TorchFile(content, _places_after(file, size, keys, known.storages), allowance)


class _OldStorages:
    """The storages that the pickles of an old file refer to, and the views of them.

    Attributes:
        storages: by key.
    """

    def __init__(self) -> None:
        self.storages: dict[str, Storage] = {}
        self._views: dict[str, Storage] = {}

    def load(self, pid: Any) -> Storage:
        """The storage, or the view of one, that a reference means.

        Raises:
            NotLoadable: it contradicts itself or an earlier one.
        """
        dtype, key, numel = _persistent(pid, 6)
        width = width_of(dtype)
        nbytes = numel * width
        known = self.storages.setdefault(key, Storage(key, dtype, nbytes))
        if known.dtype != dtype:
            if known.nbytes != nbytes:
                raise NotLoadable("a storage of two lengths")
            known = Storage(key, dtype, nbytes)
        if pid[5] is None:
            return known
        view_key, offset, length = pid[5]
        if not (isinstance(view_key, str) and _is_count(offset) and _is_count(length)):
            raise NotLoadable("a storage that is an odd part of another")
        if (offset + length) * width > known.nbytes:
            raise NotLoadable("a storage that is no part of another")
        return self._views.setdefault(view_key, Storage(key, dtype, length * width, offset * width))


def _places_after(
    file: io.BufferedIOBase, size: int, keys: list[Any], storages: Mapping[str, Storage]
) -> dict[str, Place]:
    """The places of the storages that follow the pickles of an old file, in the order of `keys`.

    Raises:
        Damaged: the file does not hold what its tensors need.
    """
    places = {}
    for key in keys:
        storage = storages.get(key) if isinstance(key, str) else None
        head = file.read(8)
        if storage is None or len(head) < 8:
            raise Damaged("its storages are cut off (truncated?)")
        held = struct.unpack("<q", head)[0] * width_of(storage.dtype)
        if held != storage.nbytes or file.tell() + held > size:
            raise Damaged(f"its storage {shown(key)} should take {storage.nbytes:,} bytes (truncated?)")
        places[key] = Place(file.tell())
        file.seek(held, io.SEEK_CUR)
    if missing := storages.keys() - places.keys():
        raise Damaged(f"{counted(len(missing), 'storage')} of its tensors are missing")
    return places


def _persistent(pid: Any, parts: int) -> tuple[str, str, int]:
    """Element type, key and number of elements of a storage, as a pickle refers to it."""
    if not isinstance(pid, tuple) or len(pid) != parts or pid[0] != "storage":
        raise NotLoadable("a reference to what is no storage")
    _, kind, key, device, numel = pid[:5]
    dtype = kind.path.removeprefix("storage ") if isinstance(kind, Named) else ""
    dtype = "uint8" if dtype == "untyped" and parts == 5 else dtype
    if (
        dtype not in (*DTYPES, *QUANTISED)
        or not isinstance(key, str)
        or not isinstance(device, str)
        or not _is_count(numel)
    ):
        raise NotLoadable("a storage without type, key and length")
    return dtype, key, numel


def _is_count(value: Any) -> bool:
    return type(value) is int and 0 <= value < 2**60


def _runs_code(path: Path, name: str) -> CheckpointError:
    if name.startswith("torch.distributed"):
        return CheckpointError(
            f"{path} holds parts of tensors that are shared out over processes (it names {name}). Save whole tensors: "
            "torch.distributed.checkpoint.state_dict.get_model_state_dict with full_state_dict=True."
        )
    if name.startswith(("torch._utils._rebuild_", *QUANTISERS)):
        return CheckpointError(
            f"{path} holds tensors of a kind that PyTorch's safe reader does not know (it names {shown(name)}), so "
            "radin cannot average them. Save them dense: nested ones padded, quantised ones as they were before, or "
            "dequantised."
        )
    return CheckpointError(
        f"{path} holds more than tensors: loading it would run code, which radin never does (it names "
        f"{shown(name)}). If you trust the file, save its weights alone where it was made: "
        "torch.save(model.state_dict(), 'weights.pt')."
    )


def no_checkpoint(path: Path, problem: str) -> CheckpointError:
    """The error for a file that is damaged."""
    return CheckpointError(
        f"{path} is no complete PyTorch checkpoint: {problem}. Expected what torch.save writes; copy or save it again."
    )
