"""Logits on disk: one file for each network, an index that says what they are of, labels, and the split."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
from jaxtyping import Float, Int64

from radin.common.files import write_json, written_aside
from radin.errors import DataError, RunDirError

#: What says, beside the logits of a run, which samples selected.
SPLIT = "split.json"

#: What stands in a file's name as it is.
PLAIN = " !#$&'()+,;=@[]{}~"

#: Most systems allow 255 bytes; the rest is for the suffix, and for what a file is called while it is written.
LONGEST = 220


class LogitFolder:
    """Logits on disk, one `.npy` file per network, each valid for one key only.

    A file counts from the moment that the index names it with its key. Both are written aside and renamed, so a killed
    process leaves complete entries only.

    Arguments:
        folder: where the files lie; made when something is written.
    """

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder = Path(folder)
        self._index_file = self.folder / "index.json"
        self._index: dict[str, dict[str, Any]] = (
            json.loads(self._index_file.read_text(encoding="utf-8")) if self._index_file.exists() else {}
        )

    def keys(self) -> set[str]:
        """Keys of all complete entries."""
        return {entry["key"] for name, entry in self._index.items() if self._file(name).exists()}

    def entries(self) -> dict[str, dict[str, Any]]:
        """What was said of each complete entry when it was stored, by its name, oldest first."""
        return {name: entry for name, entry in self._index.items() if self._file(name).exists()}

    def get(self, name: str, key: str) -> Float[np.ndarray, "M C"] | None:
        """The logits stored under a name, memory-mapped, if they were stored for this key."""
        entry = self._index.get(name)
        if entry is None or entry["key"] != key or not self._file(name).exists():
            return None
        return load_array(self._file(name))

    @contextmanager
    def writing(
        self, name: str, key: str, n_rows: int, about: dict[str, Any]
    ) -> Iterator[Callable[[np.ndarray], None]]:
        """Stores logits batch by batch: the value of the context appends one batch, `float32[b, C]`.

        Arguments:
            name: what they are stored under; a file of that name is replaced when the new one is complete.
            key: digest of everything that these logits depend on.
            n_rows: rows that will be appended in all.
            about: what else the index should say, such as the recipe.
        """
        with written_aside(self._file(name)) as file:

            def append(batch: np.ndarray) -> None:
                if file.tell() == 0:
                    header = {"descr": "<f4", "fortran_order": False, "shape": (n_rows, batch.shape[1])}
                    np.lib.format.write_array_header_1_0(file, header)
                file.write(np.ascontiguousarray(batch, dtype="<f4").data)

            yield append
            # A kill between the two renames must not leave the new logits under the old key.
            if self._index.pop(name, None) is not None:
                write_json(self._index_file, self._index)
        self._index[name] = {"key": key, **about}
        write_json(self._index_file, self._index)

    def write_labels(self, labels: Int64[np.ndarray, " M"], selecting: Int64[np.ndarray, " m"] | None = None) -> None:
        """Puts the labels beside the logits, so that the folder is a bank that `from_folder` reads.

        Arguments:
            labels: of all samples.
            selecting: indices of those that select; by default all do.

        Raises:
            RunDirError: somebody else's arrays are there, which would be lost.
        """
        if not self._index_file.exists() and not (self.folder / SPLIT).exists() and any(self.folder.glob("*.npy")):
            raise RunDirError(f"{self.folder} holds arrays that are of no run of radin's; choose another run folder")
        with written_aside(self.folder / "labels.npy") as file:
            np.save(file, labels)
        rows = np.arange(len(labels)) if selecting is None else selecting
        write_json(self.folder / SPLIT, {"samples": len(labels), "selection": rows.tolist()})

    def _file(self, name: str) -> Path:
        """Names become file names one to one: `a/b` is `a%2Fb.npy`, and no ingredient takes the labels' file."""
        plain = quote(name, safe=PLAIN)
        if len(plain) > LONGEST:  # letters beyond ASCII are three times as long in quotes
            plain = "".join(quote(letter, safe=PLAIN) if letter.isascii() else letter for letter in name)
        return self.folder / ("%6Cabels.npy" if plain == "labels" else f"{plain}.npy")


def selecting_rows(file: Path, n_samples: int) -> Int64[np.ndarray, " m"] | None:
    """The samples that select, as the file beside the logits says; None if there is no such file."""
    if not file.exists():
        return None
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        known, rows = content["samples"], np.array(content["selection"], dtype=np.int64)
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(f"{file}: expected which samples select, as JSON; run `radin soup` again: {error}") from error
    if known != n_samples or rows.ndim != 1 or not rows.size or rows.min() < 0 or rows.max() >= n_samples:
        raise DataError(f"{file}: a split of {known} samples does not fit these {n_samples}; read all of them instead")
    return rows


def load_array(file: Path) -> np.ndarray:
    """The array in a `.npy` file, memory-mapped."""
    try:
        return np.load(file, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{file}: expected a numpy array (.npy), could not read it: {error}") from error
