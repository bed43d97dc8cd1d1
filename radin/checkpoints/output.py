"""Writing at offsets, in any order and from several threads."""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from typing import IO

from radin.errors import StorageError


class Output:
    """An open file of known size whose parts may be written in any order.

    Arguments:
        file: open for writing, with nothing in its buffer.
        path: what the file will be called, for messages.
        size: bytes that it will take, for the message when they do not fit.
    """

    def __init__(self, file: IO[bytes], path: Path, size: int) -> None:
        self._file = file
        self._path = path
        self._size = size
        self._lock = threading.Lock()

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Writes all of `data` at `offset`.

        Raises:
            StorageError: the disk is full, or writing failed otherwise.
        """
        rest = memoryview(data)
        try:
            while rest:
                done = self._write_some(rest, offset)
                rest, offset = rest[done:], offset + done
        except OSError as error:
            raise self._refusal(error) from error

    def _write_some(self, data: memoryview, offset: int) -> int:
        if hasattr(os, "pwrite"):
            return os.pwrite(self._file.fileno(), data, offset)
        with self._lock:
            self._file.seek(offset)
            done = self._file.write(data)
            self._file.flush()
            return done

    def _refusal(self, error: OSError) -> StorageError:
        folder = self._path.absolute().parent
        free = ""
        with suppress(OSError):
            free = f", and {shutil.disk_usage(folder).free / 1e6:.1f} MB are free"
        return StorageError(
            error.errno,
            f"{self._path}: could not be written ({error.strerror}). It needs {self._size / 1e6:.1f} MB in {folder}"
            f"{free}. Nothing was left behind; make room or write elsewhere, then run the same again.",
        )
