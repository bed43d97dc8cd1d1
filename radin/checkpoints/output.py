"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import secrets
import shutil
import threading
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from radin.errors import StorageError


class Output:
    """A file of known size, written aside in the folder where it will stand, in any order and from several threads.

    Leaving the `with` statement flushes the file to disk and renames it; leaving it by an error removes it.

    Arguments:
        path: what the file will be called; one that exists is replaced.
        size: bytes that it will take, for the message when they do not fit.

    Raises:
        StorageError: the disk is full, or the folder cannot be written to.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self._aside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.tmp")
        self._lock = threading.Lock()

    def __enter__(self) -> Output:
        try:
            self._file = self._aside.open("xb", buffering=0)
        except OSError as error:
            raise self._refusal(error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                os.fsync(self._file.fileno())
                self._file.close()
                self._aside.replace(self._path)
        except OSError as failure:
            raise self._refusal(failure) from failure
        finally:
            self._file.close()
            with suppress(FileNotFoundError):
                self._aside.unlink()

    def write(self, data: bytes | memoryview, offset: int) -> None:
        """Writes all of `data` at `offset`."""
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
            return self._file.write(data) or 0

    def _refusal(self, error: OSError) -> StorageError:
        folder = self._path.absolute().parent
        free = ""
        with suppress(OSError):
            free = f", and {shutil.disk_usage(folder).free / 1e6:.1f} MB are free"
        return StorageError(
            f"writing {self._path} failed: {error.strerror}. It needs {self._size / 1e6:.1f} MB in {folder}{free}. "
            f"Nothing was left behind; make room or write elsewhere, then run the same again."
        )
