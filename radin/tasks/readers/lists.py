"""Lists that choose rows of a training set: a 0/1 mask, indices, or paths; as numpy, JSON or text."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.images import few


def chosen_rows(file: Path, names: Sequence[str]) -> Int64[np.ndarray, " m"]:
    """The rows of a training set that a list chooses, in ascending order.

    Arguments:
        file: `.npy`, `.json`, or text with one entry a line. Entries are paths relative to the training set; or one
            0 or 1 for each image, as the file `imagenet_98_idxs.npy` of the repository model-soups has, in which 1
            means held out; or the indices of images, counted from 0 in the order of their paths.
        names: paths of all images, relative to the training set, in that order.

    Raises:
        MissingFileError: no such file.
        InputError: it is none of these.
        DataError: it was made for other images than these.
    """
    entries = _entries(file)
    if all(isinstance(entry, str) for entry in entries):
        return _by_path(file, entries, names)
    try:
        numbers = np.asarray(entries, dtype=np.float64)
    except (TypeError, ValueError) as error:  # lists within the list, or no numbers
        raise InputError(f"{file}: expected a list of paths, of indices, or of 0 and 1 ({error})") from error
    if numbers.ndim != 1 or not np.array_equal(numbers, np.floor(numbers)):
        raise InputError(f"{file}: expected a list of paths, of indices, or of 0 and 1; got an array {numbers.shape}")
    if len(numbers) == len(names) and np.isin(numbers, (0, 1)).all():
        return np.flatnonzero(numbers)
    if len(np.unique(numbers)) != len(numbers):
        detail = (
            f"one 0 or 1 for each of {len(numbers)} images" if np.isin(numbers, (0, 1)).all() else "some index twice"
        )
        raise DataError(f"{file}: has {detail}, but the training set has {len(names)} images")
    if numbers.min() < 0 or numbers.max() >= len(names):
        worst = int(numbers.min() if numbers.min() < 0 else numbers.max())
        raise DataError(f"{file}: index {worst} is out of range; the training set has {len(names)} images")
    return np.sort(numbers.astype(np.int64))


def _entries(file: Path) -> list[Any]:
    if not file.is_file():
        raise MissingFileError(f"{file}: no such file; expected a list of paths or indices")
    try:
        if file.suffix == ".npy":
            entries = np.load(file, allow_pickle=False).tolist()
        elif file.suffix == ".json":
            entries = json.loads(file.read_text(encoding="utf-8"))
        else:
            lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
            entries = [int(line) for line in lines] if all(line.isdigit() for line in lines) else lines
    except ValueError as error:
        raise InputError(f"{file}: cannot be read as a list of paths or indices ({error})") from error
    if not isinstance(entries, list) or not entries:
        raise InputError(f"{file}: expected a list of paths or indices, got {type(entries).__name__} without entries")
    if len({isinstance(entry, str) for entry in entries}) > 1:
        raise InputError(f"{file}: expected either paths or indices, got both")
    return entries


def _by_path(file: Path, entries: Sequence[str], names: Sequence[str]) -> Int64[np.ndarray, " m"]:
    places = {name: row for row, name in enumerate(names)}
    wanted = [entry.replace("\\", "/").removeprefix("./").removeprefix("train/") for entry in entries]
    unknown = [entry for entry in wanted if entry not in places]
    if unknown:
        raise DataError(f"{file}: {len(unknown)} of {len(wanted)} paths are not in the training set: {few(unknown)}")
    return np.unique(np.array([places[entry] for entry in wanted], dtype=np.int64))
