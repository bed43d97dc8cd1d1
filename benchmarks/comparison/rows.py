"""One run, one line: written at once, found again after a restart."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

#: The fields that identify a run. All others are its outcome.
IDENTITY = (
    "zoo",
    "store",
    "batchnorm",
    "replicate",
    "part",
    "held_out_share",
    "criterion",
    "method",
    "kind",
    "lam",
    "candidates",
    "options",
    "soups",
)

#: Fields that rows lack where there was no choice: those of before there was another criterion, and of studies.
UNSTATED = {"criterion": "metric"}

Row = dict[str, Any]


class Rows:
    """The runs in a file of JSON lines.

    A line that a kill has cut short is passed over, and its run is done again; so is a run that ended in an error.

    Arguments:
        path: the file; made, with its folder, when the first row is added.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._by_identity = {identity(row): row for row in _read(path)}

    def __iter__(self) -> Iterator[Row]:
        """The rows, the last of each run."""
        return iter(self._by_identity.values())

    def has(self, about: Mapping[str, Any]) -> bool:
        """Whether a run of this identity is there, without an error."""
        row = self._by_identity.get(identity(about))
        return row is not None and row["error"] is None

    def add(self, row: Row) -> None:
        """Appends a row and has the system write it out."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("ab+") as file:
            if file.tell() and (file.seek(-1, os.SEEK_END), file.read(1))[1] != b"\n":
                file.write(b"\n")  # after a line that was cut short
            file.write(json.dumps(row).encode() + b"\n")
        self._by_identity[identity(row)] = row


def identity(row: Mapping[str, Any]) -> str:
    """The identity of a row's run, equal for all rows of that run."""
    return json.dumps([row.get(name, UNSTATED.get(name)) for name in IDENTITY], sort_keys=True)


def _read(path: Path) -> Iterator[Row]:
    if not path.exists():
        return
    with path.open() as file:
        for line in file:
            try:
                row = json.loads(line)
            except json.JSONDecodeError:
                continue
            yield UNSTATED | row
