"""Arrays in files that are read a few rows at a time: logits of a whole vocabulary, which no memory holds."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from radin.checkpoints.arrays import SUFFIXES as TENSORS
from radin.checkpoints.arrays import tensor_parts
from radin.errors import DataError
from radin.scoring.label_files import load_array
from radin.scoring.stored_outputs import native

#: Elements `[start, stop)` of a flattened array.
Elements = Callable[[int, int], np.ndarray]

#: Streams of one array in an archive that are open at once: one for each ingredient, where one array holds all.
MOST_STREAMS = 128


class StoredRows:
    """An array whose rows are read when they are asked for, best in ascending order.

    Arguments:
        shape: of the array.
        elements: reads elements of the flattened array.
        first: the first element of this array among these.
    """

    def __init__(self, shape: tuple[int, ...], elements: Elements, first: int = 0) -> None:
        self.shape, self._elements, self._first = shape, elements, first

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __iter__(self) -> Iterator[StoredRows]:
        """The parts along the first axis."""
        size = int(np.prod(self.shape[1:]))
        return (StoredRows(self.shape[1:], self._elements, self._first + i * size) for i in range(len(self)))

    def whole(self) -> np.ndarray:
        """The whole array, in memory."""
        found = self._elements(self._first, self._first + int(np.prod(self.shape)))
        return native(found).reshape(self.shape)

    def rows(self, start: int, stop: int) -> np.ndarray:
        """Rows of the array with all axes but the last as one, `[stop − start, C]`, in memory of their own."""
        width = self.shape[-1]
        return native(self._elements(self._first + start * width, self._first + stop * width)).reshape(-1, width)


def stored_arrays(file: Path, opened: ExitStack) -> dict[str, StoredRows]:
    """The arrays of a file by name, none of them read yet; one without a name has an empty one.

    Of `.npy`, `.pt` and `.safetensors` what is asked for is read at its place. A `.npz` archive is read from its
    beginning on, as far as is asked for.

    Arguments:
        file: with one of these suffixes.
        opened: closes what was opened.

    Raises:
        DataError: it holds no arrays.
        CheckpointError: a file of tensors is damaged, or would run code.
    """
    suffix = file.suffix.lower()
    if suffix == ".npy":
        flat = load_array(file)
        return {"": StoredRows(flat.shape, _of_array(flat))}
    if suffix in TENSORS:
        parts = tensor_parts(file, opened)
        return {name: StoredRows(shape, elements) for name, (shape, elements) in parts.items()}
    if suffix != ".npz":
        raise DataError(f"{file}: expected logits in a file with one of .npy, .npz, {', '.join(TENSORS)}")
    try:
        archive = opened.enter_context(zipfile.ZipFile(file))
        members = [name for name in archive.namelist() if name.endswith(".npy")]
        return {name.removesuffix(".npy"): _of_member(archive, name, opened) for name in members}
    except (ValueError, EOFError, OSError, zipfile.BadZipFile, zlib.error) as error:
        raise DataError(f"{file}: expected arrays by name (.npz), could not read it: {error}") from error


def _of_array(array: np.ndarray) -> Elements:
    flat = array.reshape(-1)
    return lambda start, stop: np.array(flat[start:stop])


def _of_member(archive: zipfile.ZipFile, name: str, opened: ExitStack) -> StoredRows:
    """An array in a `.npz` archive. Each part of it along its first axis gets a stream of its own."""
    with archive.open(name) as stream:
        shape, dtype = _header(stream)
    return StoredRows(shape, _Member(archive, name, dtype, opened))


def _header(stream: Any) -> tuple[tuple[int, ...], np.dtype[Any]]:
    """Shape and dtype of an array in numpy's format, at the beginning of a stream of bytes.

    Raises:
        ValueError: it is no such array, or its last axis does not come last.
    """
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, by_columns, dtype = read(stream)
    if by_columns and len(shape) > 1:
        raise ValueError("its rows do not lie together (Fortran order); save numpy.ascontiguousarray(array)")
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    return shape, dtype


@runtime_checkable
class _Stream(Protocol):
    """Bytes that are read forward."""

    def read(self, count: int, /) -> bytes: ...


class _Member:
    """Elements of an array in a `.npz` archive, read by streams that go forward and share one open file."""

    def __init__(self, archive: zipfile.ZipFile, name: str, dtype: np.dtype[Any], opened: ExitStack) -> None:
        self._archive, self._name, self._dtype, self._opened = archive, name, dtype, opened
        self._streams: dict[int, _Stream] = {}  # by the element that they stand before

    def __call__(self, start: int, stop: int) -> np.ndarray:
        before = max((place for place in self._streams if place <= start), default=None)
        if before is None or (before < start and start - before > stop - start and len(self._streams) < MOST_STREAMS):
            before, stream = 0, self._begin()
        else:
            stream = self._streams.pop(before)
        try:
            self._skip(stream, (start - before) * self._dtype.itemsize)
            content = stream.read((stop - start) * self._dtype.itemsize)
        except (OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise DataError(f"{self._archive.filename}: could not read {self._name}: {error}") from error
        if len(content) < (stop - start) * self._dtype.itemsize:
            raise DataError(f"{self._archive.filename}: {self._name} is cut short")
        self._streams[stop] = stream
        return np.frombuffer(content, self._dtype)

    def _begin(self) -> _Stream:
        stream = self._opened.enter_context(self._archive.open(self._name))
        _header(stream)
        return stream

    def _skip(self, stream: _Stream, count: int) -> None:
        while count > 0 and (read := stream.read(min(count, 1 << 24))):
            count -= len(read)
