"""safetensors: an 8-byte length, a JSON header, then the tensors' bytes without gaps.

The header is parsed here rather than by the safetensors package because tensors are wanted in tiles, by file offset,
without importing torch. Every rule of the format that protects a reader is checked.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.base import Checkpoint, Reader, Signature
from radin.checkpoints.bounded_json import parsed
from radin.checkpoints.dtypes import BY_CODE, TensorInfo
from radin.checkpoints.names import METADATA, check_names, check_text, is_extra_state
from radin.checkpoints.positioned import PositionedReader
from radin.checkpoints.stated import stated_classes, stated_versions
from radin.checkpoints.stored import fault_of_layout
from radin.common.wording import shown
from radin.errors import CheckpointError

#: The format's own limit, so that a damaged length does not ask for memory.
MAX_HEADER = 100_000_000


#: What the safetensors package writes in the metadata of every file of PyTorch tensors, be one called "pt" or not.
FRAMEWORK = ("format", "pt")

#: What soups keep in their metadata: the recipe, the policy, the metric, and so on.
OWN = r"radin\.\w+"

#: The key in the metadata of soups that holds what is known of modules and is no tensor, as JSON.
MODULES = "radin.modules"


@dataclass(frozen=True)
class _Entry:
    info: TensorInfo
    offset: int
    """Of the first byte, in the file."""


class SafetensorsCheckpoint(Checkpoint):
    """The header of a `.safetensors` file.

    Names that `safetensors.torch.save_model` removed because they were tied stand in the metadata, each with the name
    that was kept; they become `aliases`.

    Raises:
        CheckpointError: empty, truncated, or a header that does not fit the file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._signature = Signature(path)
        entries, metadata = _read_header(path)
        check_text([*metadata, *metadata.values()], path)
        self.aliases = {
            name: kept
            for name, kept in metadata.items()
            if kept in entries and name not in entries and not _is_note(name, kept)
        }
        check_names([*entries, *self.aliases], path)
        self.metadata = {key: value for key, value in metadata.items() if key not in self.aliases}
        self.class_names = stated_classes(self.metadata)
        self.extra, self.versions = _modules(path, self.metadata)
        self._entries = entries
        self.tensors = {name: entry.info for name, entry in entries.items()}

    def open(self, keep: bool = True) -> Reader:
        """Opens the file for reading its tensors' bytes."""
        offsets = {name: entry.offset for name, entry in self._entries.items()}
        offsets |= {name: offsets[kept] for name, kept in self.aliases.items()}
        return _SafetensorsReader(self._signature, offsets, keep)


def _modules(path: Path, metadata: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
    """The extra state and the versions of modules that a soup's metadata hold, see `radin.weights.averaging`."""
    try:
        held = parsed(metadata.get(MODULES, "{}"), len(metadata.get(MODULES, "")))
    except ValueError as error:
        raise CheckpointError(f"{path}: what its metadata state of modules is no JSON ({error})") from error
    extra = held.get("extra_state") if isinstance(held, dict) else None
    extra = extra if isinstance(extra, dict) else {}
    versions = stated_versions(held.get("versions")) if isinstance(held, dict) else {}
    return {name: value for name, value in extra.items() if is_extra_state(name)}, versions


def _is_note(key: str, value: str) -> bool:
    """Whether an entry of the metadata is none of a tied tensor, be there a tensor with its value's name or not."""
    return (key, value) == FRAMEWORK or re.fullmatch(OWN, key) is not None


class _SafetensorsReader(PositionedReader):
    def __init__(self, signature: Signature, offsets: Mapping[str, int], keep: bool) -> None:
        super().__init__(signature, keep)
        self._offsets = offsets

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor, in `buffer`."""
        return self._fill(buffer[: stop - start], self._offsets[name] + start)


def encode_header(tensors: Mapping[str, TensorInfo], metadata: Mapping[str, str]) -> tuple[bytes, dict[str, int], int]:
    """The header of a new file.

    Tensors of wide elements come first, then by name, so that each is aligned, as the safetensors package does it.

    Arguments:
        tensors: what will be stored.
        metadata: strings to keep beside them.

    Returns:
        the header's bytes with the length in front, padded so that data begin at a multiple of 8; each tensor's
        offset in the file; the size of the whole file in bytes.

    Raises:
        CheckpointError: a dtype that the format has no code for.
    """
    header: dict[str, Any] = {METADATA: dict(metadata)}
    offset = 0
    starts = {}
    for name in sorted(tensors, key=lambda name: (-tensors[name].kind.itemsize, name)):
        info = tensors[name]
        if info.kind.code is None:
            raise CheckpointError(
                f"tensor {shown(name)} has dtype {info.dtype}, which the safetensors format cannot hold"
            )
        end = offset + info.nbytes
        header[name] = {"dtype": info.kind.code, "shape": list(info.shape), "data_offsets": [offset, end]}
        starts[name] = offset
        offset = end
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    base = 8 + len(text)
    return struct.pack("<Q", len(text)) + text, {name: base + start for name, start in starts.items()}, base + offset


def _read_header(path: Path) -> tuple[dict[str, _Entry], dict[str, str]]:
    def refuse(problem: str) -> NoReturn:
        raise CheckpointError(f"{path} is no complete safetensors file: {problem}. Copy or save it again.")

    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if size < 8:
            refuse("it is empty" if size == 0 else f"it has {size} bytes, fewer than the 8 of the header's length")
        (length,) = struct.unpack("<Q", file.read(8))
        if length > min(size - 8, MAX_HEADER):
            refuse(f"its header should take {length} bytes, but {size - 8} follow")
        text = file.read(length)
    try:
        header = parsed(text, size)
    except ValueError as error:
        refuse(f"its header is not valid JSON ({error})")
    if not isinstance(header, dict):
        refuse("its header is not a JSON object")
    metadata = header.pop(METADATA, None)
    metadata = {} if metadata is None else metadata
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        refuse("its metadata are not all strings")
    spans = {name: _span(path, name, entry, refuse) for name, entry in header.items()}
    _check_layout({name: span for name, (_, *span) in spans.items()}, size - 8 - length, refuse)
    base = 8 + length
    return {name: _Entry(info, base + begin) for name, (info, begin, _) in spans.items()}, metadata


def _span(path: Path, name: str, entry: Any, refuse: Any) -> tuple[TensorInfo, int, int]:
    try:
        code, shape, (begin, end) = entry["dtype"], entry["shape"], entry["data_offsets"]
        sound = isinstance(code, str) and isinstance(shape, list)
        sound = sound and all(type(number) is int and 0 <= number < 2**63 for number in (begin, end))
    except (TypeError, KeyError, ValueError):
        sound = False
    if not sound:
        refuse(f"tensor {shown(name)} lacks a proper dtype, shape or data_offsets")
    if fault := fault_of_layout(shape, shape):
        refuse(f"tensor {shown(name)} lacks a proper shape: it has {fault}")
    if code not in BY_CODE:
        known = ", ".join(sorted(BY_CODE))
        raise CheckpointError(
            f"{path}: tensor {shown(name)} has dtype {shown(code)}, which radin does not know; save it in one "
            f"of: {known}."
        )
    info = TensorInfo(BY_CODE[code].name, tuple(shape))
    if end - begin != info.nbytes:
        refuse(f"tensor {shown(name)} needs {info.nbytes} bytes for {info}, but has {end - begin}")
    return info, begin, end


def _check_layout(spans: Mapping[str, list[int]], available: int, refuse: Any) -> None:
    reached = 0
    for name, (begin, end) in sorted(spans.items(), key=lambda item: item[1]):
        if begin != reached:
            where = f"starts at byte {begin} where {reached} is expected"
            refuse(f"tensor {shown(name)} {where}: tensors overlap or leave gaps")
        reached = end
    if reached > available:
        refuse(f"its tensors take {reached} bytes, but only {available} follow the header (truncated?)")
    if reached < available:
        refuse(f"{available - reached} bytes follow the last tensor")
