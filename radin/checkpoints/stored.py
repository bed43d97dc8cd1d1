"""Descriptions of a PyTorch file's tensors: where their elements lie, before any of them is read."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from math import prod

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.dtypes import DTYPES, DType, TensorInfo
from radin.common.wording import shown_shape

#: numpy's own limit; PyTorch's tensors rarely have more than six.
MOST_DIMENSIONS = 64

#: Names of PyTorch's typed storages, with the element types they hold.
STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "int64",
    "IntStorage": "int32",
    "ShortStorage": "int16",
    "CharStorage": "int8",
    "ByteStorage": "uint8",
    "BoolStorage": "bool",
    "ComplexDoubleStorage": "complex128",
    "ComplexFloatStorage": "complex64",
    "QInt8Storage": "qint8",
    "QUInt8Storage": "quint8",
    "QInt32Storage": "qint32",
    "QUInt4x2Storage": "quint4x2",
    "QUInt2x4Storage": "quint2x4",
}

#: Bytes of an element of storages that radin reads no tensor from.
QUANTISED = {"qint8": 1, "quint8": 1, "qint32": 4, "quint4x2": 1, "quint2x4": 1}


def width_of(dtype: str) -> int:
    """Bytes of an element of a storage."""
    return QUANTISED[dtype] if dtype in QUANTISED else DTYPES[dtype].itemsize


#: Reads `bytes` from `start` on out of a storage.
ReadStorage = Callable[[int, int], UInt8[np.ndarray, " bytes"]]


@dataclass(frozen=True)
class Storage:
    """A piece of memory that tensors look at.

    Arguments:
        key: which of the file's storages.
        dtype: its element type; `uint8` where it has none of its own.
        nbytes: how long it is.
        start: first byte, where it is a part of the storage with this key.
    """

    key: str
    dtype: str
    nbytes: int
    start: int = 0


@dataclass(frozen=True, eq=False)
class StoredTensor:
    """A tensor: a view of a storage.

    Arguments:
        info: element type and shape.
        storage: that holds the elements.
        offset: of its first element in the storage, in elements.
        strides: elements from one index to the next, for each dimension.
        conjugated: the elements are the complex conjugates of what is stored.
        negated: the elements are the negatives of what is stored.
    """

    info: TensorInfo
    storage: Storage
    offset: int
    strides: tuple[int, ...]
    conjugated: bool = False
    negated: bool = False

    @property
    def extent(self) -> int:
        """Elements of the storage from the first to the last that the tensor looks at."""
        return extent(self.info.shape, self.strides)

    @property
    def plain(self) -> bool:
        """Whether the elements lie one after the other, row by row."""
        if self.conjugated or self.negated:
            return False
        expected = 1
        for size, stride in zip(reversed(self.info.shape), reversed(self.strides), strict=True):
            if size > 1 and stride != expected:
                return False
            expected *= size
        return True

    @property
    def identity(self) -> object:
        """Equal for tensors that are tied: of the same memory and layout."""
        if self.info.numel == 0:  # empty tensors share no memory
            return id(self)
        flags = self.conjugated, self.negated
        return self.storage.key, self.storage.start, self.offset, self.strides, self.info, flags


@dataclass(frozen=True, eq=False)
class ArrayTensor:
    """A tensor whose elements stand in the pickle itself, as those of numpy arrays do."""

    info: TensorInfo
    raw: UInt8[np.ndarray, " bytes"] = field(repr=False)

    @property
    def identity(self) -> object:
        """Arrays of their own are never tied."""
        return id(self)


@dataclass(frozen=True, eq=False)
class UnusableTensor:
    """A tensor of a kind that cannot be averaged: sparse, quantised, or without data."""

    kind: str


Tensor = StoredTensor | ArrayTensor | UnusableTensor


def extent(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Elements of memory from the first to the last of a view; 0 for an empty one."""
    if 0 in shape:
        return 0
    return 1 + sum((size - 1) * stride for size, stride in zip(shape, strides, strict=True))


def fault_of_layout(shape: Sequence[object], strides: Sequence[object]) -> str:
    """Why there can be no tensor of this shape and these strides; empty if there can be one.

    Bounds come before arithmetic: nothing is multiplied until every number is known to be small.
    """
    if len(shape) > MOST_DIMENSIONS or len(strides) != len(shape):
        return f"{len(shape)} dimensions with {len(strides)} strides"
    for size in (*shape, *strides):
        if type(size) is not int or not 0 <= size < 2**63:
            return "a size or stride that is no number of elements"
    sizes = [size for size in shape if isinstance(size, int)]
    if 0 not in sizes and prod(sizes) >= 2**60:
        return f"shape {shown_shape(sizes)}, more than any machine holds"
    return ""


class ViewReader:
    """Elements of a tensor that is no plain stretch of its storage, row by row as if it were contiguous.

    A view such as a transposed matrix is spread over its storage, so each stretch of it would read nearly all: such a
    tensor is read once and kept until it was handed out. Others are read piece by piece.
    """

    #: A stretch may read this many times what it is, or so many bytes, before its tensor is kept.
    SPREAD, SMALL = 4, 1 << 20

    def __init__(self, tensor: StoredTensor, read: ReadStorage) -> None:
        self._tensor = tensor
        self._read = read
        self._kept: UInt8[np.ndarray, " bytes"] | None = None
        self._handed_out = 0

    def elements(self, start: int, stop: int) -> UInt8[np.ndarray, " bytes"]:
        """Bytes of the elements `start` to `stop`."""
        kind = self._tensor.info.kind
        offset, shape, first = self._rows(start, stop)
        strides = self._tensor.strides[len(self._tensor.strides) - len(shape) :]
        near = extent(shape, strides) * kind.itemsize <= max(self.SMALL, self.SPREAD * (stop - start) * kind.itemsize)
        if near:
            return self._gather(offset, shape, strides)[first * kind.itemsize :][: (stop - start) * kind.itemsize]
        whole = self._kept
        if whole is None:
            whole = self._gather(self._tensor.offset, self._tensor.info.shape, self._tensor.strides)
            self._kept = whole
        self._handed_out += stop - start
        if self._handed_out >= self._tensor.info.numel:
            self._kept, self._handed_out = None, 0
        return whole[start * kind.itemsize : stop * kind.itemsize]

    def _rows(self, start: int, stop: int) -> tuple[int, tuple[int, ...], int]:
        """The smallest box of whole rows around a stretch: its offset and shape, and where in it the stretch begins."""
        offset, shape = self._tensor.offset, self._tensor.info.shape
        strides = self._tensor.strides
        while shape and start < stop:
            row = prod(shape[1:])
            first, last = start // row, (stop - 1) // row
            offset, start, stop = offset + first * strides[0], start - first * row, stop - first * row
            if first != last or len(shape) == 1:
                return offset, (last - first + 1, *shape[1:]), start
            shape, strides = shape[1:], strides[1:]
        return offset, shape if start < stop else (0,) * len(shape), start

    def _gather(self, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> UInt8[np.ndarray, " bytes"]:
        kind = self._tensor.info.kind
        raw = self._read(offset * kind.itemsize, extent(shape, strides) * kind.itemsize)
        spread = np.lib.stride_tricks.as_strided(
            raw.view(kind.storage), shape, [stride * kind.itemsize for stride in strides], writeable=False
        )
        return _resolved(np.ascontiguousarray(spread).reshape(-1), kind, self._tensor).view(np.uint8)


def _resolved(elements: np.ndarray, kind: DType, tensor: StoredTensor) -> np.ndarray:
    """The values of elements, where a view is the conjugate or the negative of what is stored."""
    if tensor.conjugated and kind.name.startswith("complex"):
        elements = np.conj(elements)
    if tensor.negated and kind.name == "bfloat16":
        return elements ^ np.uint16(0x8000)
    return np.negative(elements) if tensor.negated else elements


def array_tensor(values: np.ndarray) -> ArrayTensor | None:
    """A numpy array as a tensor; None for element types that PyTorch lacks, such as text and objects."""
    name = "bool" if values.dtype == np.bool_ else values.dtype.newbyteorder("=").name
    if name not in DTYPES or values.ndim > MOST_DIMENSIONS:
        return None
    native = np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("="))
    return ArrayTensor(TensorInfo(name, tuple(values.shape)), native.reshape(-1).view(np.uint8))
