"""Arrays on disk: files, and an index with a key and a checksum for each. Damaged files are not read."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float
from safetensors import SafetensorError
from safetensors.numpy import load, save

from radin.common.array_index import ArrayIndex, Entry, Report
from radin.common.files import written_aside
from radin.common.mapped import MappedArray, with_more_files
from radin.errors import StorageError

#: Characters that file names hold as they are.
PLAIN = " !#$&'()+,;=@[]{}~"

#: Longest name of an entry in a file name. Most systems allow 255 bytes; the rest is for the suffix, and for the
#: temporary name of a file while it is written.
LONGEST = 220

#: Bytes of a folder's arrays that are held in memory; those beyond are memory-mapped. Chosen by hand.
HELD = 1 << 26


class ArrayFolder:
    """Arrays on disk, each entry under a name and valid for one key only.

    An entry is one array in a `.npy` file, or several by name in a `.safetensors` file. It counts from the moment that
    index names it, with its key and the SHA-256 of its file. Files are written aside and renamed, so a killed process
    leaves complete entries only. The checksum is compared when an entry is first opened in a process.
    An entry that is damaged is removed, and reported in a sentence.

    Arguments:
        folder: the folder of the files; made when something is written.
        report: called with a sentence about each damaged entry.
        read_only: damaged entries are skipped and nothing is removed; entries without a checksum are read.
    """

    def __init__(
        self, folder: str | os.PathLike[str], *, report: Report = lambda sentence: None, read_only: bool = False
    ) -> None:
        self.folder = Path(folder)
        self._report, self._read_only = report, read_only
        self._opened: dict[str, Any] = {}
        self._written: set[str] = set()
        self._held = 0
        self._index = ArrayIndex(self.folder, report=report, read_only=read_only)

    def keys(self) -> set[str]:
        """Keys of all entries whose files are there."""
        return {entry["key"] for entry in self.entries().values()}

    def entries(self) -> dict[str, Entry]:
        """The index of all entries whose files are there, by name, oldest first."""
        return {name: entry for name, entry in self._index.items() if self._there(name)}

    def about(self, name: str) -> Entry | None:
        """The index of the entry of this name; None if there is none."""
        return self._index.get(name)

    @property
    def is_damaged(self) -> bool:
        """Whether the index that was found had lost entries."""
        return self._index.is_damaged

    def get(self, name: str, key: str) -> np.ndarray | None:
        """The array stored under a name, read-only; None unless it was stored for this key and is complete."""
        found: np.ndarray | None = self._open(name, key, ".npy", self._read_array)
        return found

    def get_several(self, name: str, key: str) -> dict[str, np.ndarray] | None:
        """The arrays that `store_several` stored under a name; None unless stored for this key and complete."""
        found: dict[str, np.ndarray] | None = self._open(name, key, ".safetensors", self._read_several)
        return None if found is None else dict(found)

    @contextmanager
    def writing(
        self, name: str, key: str, n_rows: int, about: Mapping[str, Any]
    ) -> Iterator[Callable[[Float[np.ndarray, "b ..."]], None]]:
        """Stores an array batch by batch: the value of the context appends one batch, `float32[b, ...]`.

        Arguments:
            name: names the entry; one of this name is replaced when the new one is complete.
            key: fingerprint of everything that the array depends on.
            n_rows: rows that will be appended in all.
            about: further values for the index, such as the recipe.
        """
        checksum = hashlib.sha256()
        with self._replacing(name, key, ".npy", about, checksum) as write:
            begun = False

            def append(batch: Float[np.ndarray, "b ..."]) -> None:
                nonlocal begun
                if not begun:
                    write(_header((n_rows, *batch.shape[1:])))
                    begun = True
                write(np.ascontiguousarray(batch, dtype="<f4").data)

            yield append

    def store(self, name: str, key: str, array: np.ndarray) -> None:
        """Stores one array."""
        content = io.BytesIO()
        np.save(content, array)
        with self._replacing(name, key, ".npy", {}, hashlib.sha256()) as write:
            write(content.getvalue())

    def store_several(self, name: str, key: str, arrays: Mapping[str, np.ndarray]) -> None:
        """Stores several arrays by name."""
        with self._replacing(name, key, ".safetensors", {}, hashlib.sha256()) as write:
            write(save(dict(arrays)))

    def remove(self, name: str) -> None:
        """Removes an entry, if it is there."""
        if self._forget(name):
            for file in self._files(name):
                file.unlink(missing_ok=True)

    def adopt(self, *, by_name: bool = False) -> int:
        """Adds checksums to entries of version 0.1, which have none. Returns the number of these entries.

        Arguments:
            by_name: whether files without an entry in the index are entries whose key is their name.
        """
        entries = dict(self._index.items())
        if by_name and self.folder.is_dir():
            entries = {file.stem: {"key": file.stem} for file in sorted(self.folder.glob("*.npy"))} | entries
        found: dict[str, Entry | None] = {}
        for name, entry in entries.items():
            if "sha256" not in entry and (there := self._there(name)):
                with there[0].open("rb") as opened:
                    found[name] = {**entry, "sha256": hashlib.file_digest(opened, "sha256").hexdigest()}
        if found:
            self._index.change(found)
        return len(found)

    def _open(self, name: str, key: str, suffix: str, read: Callable[[Path, str | None], Any]) -> Any:
        entry, file = self._index.get(name), self._file(name, suffix)
        if entry is None or entry["key"] != key:
            return None
        if name not in self._opened:
            if not self._read_only and "sha256" not in entry:
                return self._drop(name, file, "has no checksum")
            expected = None if name in self._written else entry.get("sha256")
            try:
                self._opened[name] = with_more_files(partial(read, file, expected), file)
            except FileNotFoundError:
                return self._drop(name, file, "is missing")
            except StorageError:  # no more files can be open, which is no fault of this one
                raise
            except (OSError, ValueError, EOFError, SafetensorError):
                return self._drop(name, file, "is damaged")
        return self._opened[name]

    def _read_array(self, file: Path, checksum: str | None) -> np.ndarray:
        size = file.stat().st_size
        if self._held + size > HELD:
            _check(file, checksum)
            return MappedArray.load(file)
        content = file.read_bytes()
        _compare(hashlib.sha256(content), checksum)
        array: np.ndarray = np.load(io.BytesIO(content), allow_pickle=False)
        array.flags.writeable = False
        self._held += size
        return array

    def _read_several(self, file: Path, checksum: str | None) -> dict[str, np.ndarray]:
        content = file.read_bytes()
        _compare(hashlib.sha256(content), checksum)
        return load(content)

    def _drop(self, name: str, file: Path, fault: str) -> None:
        """Removes a damaged entry from the index, and its file."""
        self._report(f"{file} {fault}")
        self._forget(name)
        if not self._read_only:
            with suppress(OSError):
                file.unlink(missing_ok=True)

    def _forget(self, name: str) -> bool:
        """Removes an entry from the index; whether it was there."""
        self._opened.pop(name, None)
        self._written.discard(name)
        known = name in self._index
        if known:
            self._index.change({name: None})
        return known

    @contextmanager
    def _replacing(
        self, name: str, key: str, suffix: str, about: Mapping[str, Any], checksum: Any
    ) -> Iterator[Callable[[Any], None]]:
        """Replaces an entry's file. The value of the context writes bytes to the new file."""
        with written_aside(self._file(name, suffix)) as file:

            def write(content: Any) -> None:
                checksum.update(content)
                file.write(content)

            yield write
            # A kill between the two renames must not leave the new file under the old key.
            self._forget(name)
        self._index.change({name: {"key": key, **about, "sha256": checksum.hexdigest()}})
        self._written.add(name)

    def _files(self, name: str) -> tuple[Path, ...]:
        return tuple(self._file(name, suffix) for suffix in (".npy", ".safetensors"))

    def _there(self, name: str) -> list[Path]:
        return [file for file in self._files(name) if file.exists()]

    def _file(self, name: str, suffix: str) -> Path:
        """The file of an entry. Names map to file names one to one: `a/b` is `a%2Fb.npy`. None is `labels.npy`."""
        plain = quote(name, safe=PLAIN)
        if len(plain) > LONGEST:  # letters beyond ASCII are three times as long in quotes
            plain = "".join(quote(letter, safe=PLAIN) if letter.isascii() else letter for letter in name)
        return self.folder / f"{'%6Cabels' if plain == 'labels' else plain}{suffix}"


def file_checksums(folder: Path) -> dict[str, str]:
    """SHA-256 of the files in a folder of arrays by file name, as its index states; empty if there is no such index."""
    known = ArrayFolder(folder, read_only=True)
    return {
        file.name: entry["sha256"]
        for name, entry in known.entries().items()
        for file in known._files(name)
        if "sha256" in entry
    }


def _header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue()


def _check(file: Path, checksum: str | None) -> None:
    """Compares a file with its checksum, read in pieces."""
    if checksum is not None:
        with file.open("rb") as opened:
            _compare(hashlib.file_digest(opened, "sha256"), checksum)


def _compare(found: Any, checksum: str | None) -> None:
    if checksum is not None and found.hexdigest() != checksum:
        raise ValueError("another checksum")
