"""Arrays of files that are too large for memory, and that somebody may cut short while they are in use."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from radin.errors import DataError, StorageError

#: Times as many rows as are wanted that may be read with them, in one piece.
SPREAD = 8

T = TypeVar("T")

#: Numbers of the error that too many files are open, in this process or on this machine.
TOO_MANY = (errno.EMFILE, errno.ENFILE)


def with_more_files(opened: Callable[[], T], path: Path) -> T:
    """Opens a file; where too many are open, after this process's limit was raised as far as the system lets it.

    Every map keeps its file open, and the limit is often 1024.

    Arguments:
        opened: opens it, and gives what is made of it.
        path: the file, for the error.

    Raises:
        StorageError: no more files can be open.
    """
    try:
        return opened()
    except OSError as error:
        if error.errno not in TOO_MANY:
            raise
    _raise_limit()
    try:
        return opened()
    except OSError as error:
        if error.errno not in TOO_MANY:
            raise
        raise StorageError(
            error.errno,
            f"{path}: the system lets this process have no more files open; raise its limit (ulimit -n), and give the "
            "same command again",
        ) from error


def _raise_limit() -> None:
    try:
        import resource
    except ImportError:  # not on Windows
        return
    with suppress(OSError, ValueError):
        most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


class MappedArray(np.memmap):
    """A memory-mapped array whose rows are read, not touched.

    A process that touches a page of a map beyond the end of its file is ended by the system. So `array[rows]`, for a
    slice or an array of whole numbers, reads the rows from the file into memory, which fails with an error if they are
    not there. Everything else works on the map.
    """

    def __getitem__(self, key: Any) -> Any:
        """Rows of the array, in memory of their own; other parts as numpy gives them."""
        origin = self.__dict__.get("_origin")
        if origin is not None and isinstance(key, slice) and key.step in (None, 1):
            start, stop, _ = key.indices(len(self))
            return self._read(origin, start, max(start, stop))
        if origin is not None and isinstance(key, np.ndarray) and key.ndim == 1 and key.dtype.kind in "iu" and key.size:
            rows = np.where(key < 0, key + len(self), key)
            first, last = int(rows.min()), int(rows.max())
            if first >= 0 and last < len(self):
                if last - first < SPREAD * len(rows):
                    return self._read(origin, first, last + 1)[rows - first]
                return np.concatenate([self._read(origin, int(row), int(row) + 1) for row in rows])
        return super().__getitem__(key)

    def _read(self, origin: tuple[Path, tuple[int, int]], start: int, stop: int) -> np.ndarray:
        path, identity = origin
        rows = np.empty((stop - start, *self.shape[1:]), self.dtype)
        width = rows.nbytes // max(1, stop - start)
        try:
            with path.open("rb", buffering=0) as file:
                stat = os.fstat(file.fileno())
                if (stat.st_dev, stat.st_ino) != identity:  # another file took its name: the map has the old one
                    return np.array(super().__getitem__(slice(start, stop)))
                file.seek(self.offset + start * width)
                target = rows.reshape(-1).view(np.uint8).data
                while target and (count := file.readinto(target)):
                    target = target[count:]
        except FileNotFoundError:  # the map keeps a file that was removed
            return np.array(super().__getitem__(slice(start, stop)))
        if target:
            raise DataError(
                f"{path} was cut short while it was in use. Give the same command again: what is lost is run once more."
            )
        return rows

    @classmethod
    def load(cls, path: Path) -> MappedArray:
        """The array in a `.npy` file.

        The map keeps its file open, see `with_more_files`.

        Raises:
            StorageError: more files cannot be open.
            OSError, ValueError, EOFError: it is no such file.
        """
        plain = with_more_files(lambda: np.load(path, mmap_mode="r", allow_pickle=False), path)
        mapped: MappedArray = plain.view(cls)
        if plain.flags.c_contiguous and plain.ndim:
            stat = path.stat()
            mapped.__dict__["_origin"] = (path, (stat.st_dev, stat.st_ino))
        return mapped
