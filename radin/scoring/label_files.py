"""Labels in files as people have them: numpy arrays, text, tables, JSON."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from radin.common.mapped import MappedArray
from radin.common.wording import enumerated, shown
from radin.errors import DataError, MissingFileError, StorageError

#: Suffixes of files of labels, the most exact first.
SUFFIXES = (".npy", ".csv", ".json", ".txt")

#: Names of the column, or of the entry of a JSON object, that holds the labels.
NAMES = ("labels", "label", "targets", "target")

#: How every array of numpy begins.
BEGINNING = b"\x93NUMPY"


def labels_beside(folder: Path) -> Path:
    """The file of labels in a folder: `labels.npy`, else the only one of `labels.csv`, `labels.json`, `labels.txt`.

    Where there is none, the path of `labels.npy`, for a message.

    Raises:
        DataError: there are several, none of them an array.
    """
    first = folder / "labels.npy"
    found = [file for suffix in SUFFIXES if (file := folder / f"labels{suffix}").is_file()]
    if first not in found and len(found) > 1:
        raise DataError(
            f"{folder}: expected one file of labels, found {enumerated([file.name for file in found])}; name the one "
            "that holds them."
        ).mended_by(labels="FILE")
    return found[0] if found else first


def read_labels(file: Path) -> np.ndarray:
    """The labels in a file, numbers `[m]` or `[m, ...]`.

    A `.txt` file has the label or labels of one sample on each line. A `.csv` file has them in a column called `label`
    or `labels`, in its only column, or in all columns where none has a name. A `.json` file holds a list, or an object
    with such a list under `labels`. Numbers without a point are whole.

    Raises:
        MissingFileError: no such file.
        DataError: of another suffix, or no table of numbers; the message names the line.
    """
    if not file.exists():
        raise MissingFileError(
            f"{file}: expected the labels, an int array [samples]; name the file that holds them."
        ).mended_by(labels="FILE")
    suffix = file.suffix.lower()
    if suffix == ".npy":
        return load_array(file)
    if suffix not in SUFFIXES:
        raise DataError(f"{file}: expected labels in a file with one of {', '.join(SUFFIXES)}, got {suffix or 'none'}")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{file}: expected labels as text (UTF-8), could not read it: {error}") from error
    if suffix == ".json":
        return _of_json(text, file)
    return _of_table(text, file) if suffix == ".csv" else _of_lines(text, file)


def load_array(file: Path) -> np.ndarray:
    """The array in a `.npy` file, memory-mapped."""
    try:
        return MappedArray.load(file)
    except StorageError:  # too many files are open; it says what to do
        raise
    except (ValueError, EOFError, OSError) as error:
        raise DataError(f"{file}: expected a numpy array (.npy), {_fault_of_array(file, error)}") from error


def _fault_of_array(file: Path, error: Exception) -> str:
    """Why a file holds no array of numbers, and the remedy: numpy takes every other file for a pickle."""
    with suppress(OSError), file.open("rb") as opened:
        if opened.read(len(BEGINNING)) != BEGINNING:
            return "got a file of another kind; write it with numpy.save"
    if "objects" in str(error):
        return "got one of Python objects; save it as numbers: numpy.save(file, array.astype('float32'))"
    if isinstance(error, OSError):
        return f"could not read it: {error.strerror or error}"
    return f"could not read it, as if it had been cut short: {error}"


def _of_lines(text: str, file: Path) -> np.ndarray:
    lines = [(i, line.replace(",", " ").split()) for i, line in enumerate(text.splitlines(), start=1)]
    return _numbers([(i, cells) for i, cells in lines if cells], file)


def _of_table(text: str, file: Path) -> np.ndarray:
    reader = csv.reader(text.splitlines())
    rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if row]
    if not rows:
        raise DataError(f"{file}: expected labels, one line per sample, found none")
    head = rows[0][1]
    if all(_number(cell) is not None for cell in head):
        return _numbers(rows, file)
    named = [i for i, cell in enumerate(head) if cell.lower() in NAMES]
    if len(named) != 1 and len(head) > 1:
        raise DataError(
            f"{file}: expected a column called label, got {', '.join(map(shown, head))}; rename the one that holds "
            "the labels, or leave only columns of labels and no header"
        )
    column = named[0] if named else 0
    return _numbers([(i, cells[column : column + 1]) for i, cells in rows[1:]], file)


def _of_json(text: str, file: Path) -> np.ndarray:
    try:
        content: Any = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: expected labels as JSON, could not read it: {error}") from error
    if isinstance(content, dict):
        named = [name for name in NAMES if name in content]
        if not named:
            keys = ", ".join(map(shown, list(content)[:5]))
            raise DataError(f'{file}: expected a list of labels, or {{"labels": [...]}}, got an object with {keys}')
        content = content[named[0]]
    try:
        array = np.array(content)
    except (ValueError, OverflowError) as error:  # lists of unequal length
        raise DataError(f"{file}: expected a list of numbers, or lists of equal length: {error}") from error
    if array.dtype.kind not in "biuf" or not array.ndim:
        raise DataError(f"{file}: expected a list of numbers, got {array.dtype} of shape {list(array.shape)}")
    return array


def _numbers(rows: Sequence[tuple[int, Sequence[str]]], file: Path) -> np.ndarray:
    """Rows of numbers as an array: `[m]` where each has one, else `[m, L]`."""
    if not rows:
        raise DataError(f"{file}: expected labels, one line per sample, found none")
    width = len(rows[0][1])
    values: list[list[int | float]] = []
    for line, cells in rows:
        numbers = [_number(cell) for cell in cells]
        if len(cells) != width or not cells:
            raise DataError(f"{file}, line {line}: expected {max(width, 1)} numbers, as on the first, got {len(cells)}")
        if None in numbers:
            word = shown(cells[numbers.index(None)])
            raise DataError(
                f"{file}, line {line}: expected a number, got {word}; labels are the numbers of the classes, in the "
                "order of the network's outputs"
            )
        values.append([number for number in numbers if number is not None])
    array = np.array(values)
    return array[:, 0] if width == 1 else array


def _number(cell: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(cell)
        except ValueError:
            continue
    return None
