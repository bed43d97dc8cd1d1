"""Pickles of plain values and of arrays of bytes, read without numpy's own unpickling, let alone anyone else's code."""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np

from radin.errors import DataError


def unpickled(path: Path) -> dict[str, Any]:
    """The dictionary in a pickle, Python 2's or Python 3's; its arrays are of bytes, `uint8`.

    Raises:
        DataError: it is damaged, holds something else, or asks for code.
    """
    try:
        content = _Harmless(io.BytesIO(path.read_bytes()), encoding="latin1").load()
    except Exception as error:  # damaged pickles raise whatever the wrong bytes happen to mean
        raise DataError(f"{path}: cannot be read as a batch of CIFAR ({type(error).__name__}: {error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a dictionary, got {type(content).__name__}")
    return {key: value.pixels if isinstance(value, _Array) else value for key, value in content.items()}


class _Harmless(pickle.Unpickler):
    """Unpickles arrays of bytes and plain values, and runs no other code, whatever a file says."""

    def find_class(self, module: str, name: str) -> Any:
        """Stand-ins for the parts of a pickled array, and the bytes of Python 3; nothing else."""
        if (module, name) == ("numpy", "ndarray"):
            return _Array
        if (module, name) == ("numpy", "dtype"):
            return _Kind
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return _reconstruct
        if (module, name) == ("_codecs", "encode"):
            return _as_bytes
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no batch of CIFAR needs; nothing was run")


# numpy's own dtype takes its flags from a pickle, and its array the memory: together they make objects of any bytes.
class _Kind:
    """Stands in for `numpy.dtype`; there is but one that a batch of CIFAR needs."""

    def __init__(self, code: object, *_: object) -> None:
        if code != "u1":
            raise pickle.UnpicklingError(f"arrays of dtype {code!r}, expected bytes, 'u1'")

    def __setstate__(self, state: object) -> None:
        pass


class _Array:
    """Stands in for `numpy.ndarray`."""

    pixels: np.ndarray | None = None

    def __setstate__(self, state: tuple[int, tuple[int, ...], _Kind, bool, str | bytes]) -> None:
        _, shape, kind, by_column, content = state
        if not isinstance(kind, _Kind):
            raise pickle.UnpicklingError("an array without a dtype")
        raw = content.encode("latin1") if isinstance(content, str) else content  # Python 2 has one type for both
        self.pixels = np.frombuffer(raw, np.uint8).reshape(shape, order="F" if by_column else "C")


def _reconstruct(kind: object, *_: object) -> _Array:
    if kind is not _Array:
        raise pickle.UnpicklingError("an array of a class of its own")
    return _Array()


def _as_bytes(text: str, encoding: str) -> bytes:
    """Bytes from the text that Python 3 writes for them in the older formats of pickles."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"bytes as text in {encoding!r}")
    return text.encode("latin1")
