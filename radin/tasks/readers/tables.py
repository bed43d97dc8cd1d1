"""Tables of samples: CSV, TSV, JSON, JSON lines, Parquet, and folders that `datasets` saved; column by column."""

from __future__ import annotations

import csv
import importlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from radin.common.suggestions import nearest
from radin.errors import DataError, InputError, MissingFileError, TaskError

#: What `datasets` writes beside the tables of a data set, and into the folder of one with several splits.
STATE, SPLITS, INFO = "state.json", "dataset_dict.json", "dataset_info.json"


@dataclass(frozen=True)
class Table:
    """Samples in columns.

    Attributes:
        path: where they were read.
        columns: `{name: one entry for each sample}`.
        class_names: `{column: names of its classes in the order of their numbers}`, where the file says so.
    """

    path: Path
    columns: Mapping[str, list[Any]]
    class_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(next(iter(self.columns.values())))

    def column(self, name: str, option: str) -> list[Any]:
        """One column.

        Arguments:
            name: of the column.
            option: the argument that names it, for messages.

        Raises:
            InputError: there is no such column.
        """
        if name not in self.columns:
            raise InputError(
                f"{self.path} has no column {name!r}; {nearest(name, list(self.columns))} It has: "
                f"{', '.join(map(str, self.columns))}. Name the right one by {option}=..."
            )
        return self.columns[name]


def read_table(path: str | os.PathLike[str], split: str | None = None, *, header: Sequence[str] | None = None) -> Table:
    """Reads all of a table.

    Arguments:
        path: `.csv`, `.tsv`, `.json` (a list of objects), `.jsonl`, `.parquet`, or a folder of `save_to_disk`.
        split: which part of a folder with several.
        header: names of the columns of a `.csv` or `.tsv` file whose first line may be a sample; a first line that
            holds two of them is the header.

    Raises:
        MissingFileError: there is no such file.
        InputError: a kind of file that is not read, or no such split.
        DataError: a damaged or empty table.
        TaskError: pyarrow is needed, and not there.
    """
    place = Path(path).expanduser()
    if place.is_dir():
        return _filled(_saved_to_disk(place, split))
    if not place.is_file():
        raise MissingFileError(f"{path}: no such table; expected a file such as val.jsonl, val.csv or val.parquet")
    if split is not None:
        raise InputError(f"{path} is one table without splits, but split={split!r} was asked for; leave it out")
    reader = READERS.get(place.suffix.lower())
    if reader is None:
        raise InputError(f"{path}: tables are read from {', '.join(READERS)}, got the suffix {place.suffix!r}")
    try:
        return _filled(reader(place) if not header else _separated(place, header))
    except (UnicodeDecodeError, csv.Error, ValueError) as error:
        if isinstance(error, DataError | InputError):
            raise
        raise DataError(f"{path} cannot be read ({type(error).__name__}: {error})") from error


def _filled(table: Table) -> Table:
    if not table.columns or not len(table):
        raise DataError(f"{table.path} holds no sample")
    return table


def _from_rows(path: Path, rows: Sequence[Any]) -> Table:
    first = rows[0] if rows else {}
    for number, row in enumerate(rows):
        if not isinstance(row, dict) or row.keys() != first.keys():
            got = f"the entries {', '.join(map(str, row))}" if isinstance(row, dict) else f"{str(row)[:40]!r}"
            raise DataError(
                f"{path}: sample {number} has {got}, but the first one {', '.join(map(str, first))}; every sample "
                "needs the same entries"
            )
    return Table(path, {name: [row[name] for row in rows] for name in first})


def _separated(path: Path, named: Sequence[str] = ()) -> Table:
    """A file of fields with commas between, or tabs; `named` are its columns where its first line may not say so."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        if path.suffix.lower() == ".tsv":  # those of GLUE hold single quotation marks
            lines = csv.reader(file, delimiter="\t", quoting=csv.QUOTE_NONE)
        else:
            lines = csv.reader(file)
        rows = [line for line in lines if line] or [[]]
    header = list(named) if named and len({*named} & {*rows[0]}) < 2 else rows.pop(0)
    for number, row in enumerate(rows):
        if len(row) != len(header):
            raise DataError(f"{path}: sample {number} has {len(row)} fields, but the header has {len(header)}")
    return Table(path, {name: [row[i] for row in rows] for i, name in enumerate(header)})


def _lines(path: Path) -> Table:
    rows = []
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    rows.append(json.loads(line))
                except (ValueError, RecursionError) as error:
                    raise DataError(f"{path}, line {number}: not valid JSON ({error})") from error
    return _from_rows(path, rows)


def _json(path: Path) -> Table:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError as error:
        raise DataError(f"{path} is nested too deeply") from error
    except ValueError:
        return _lines(path)  # lines of JSON under the shorter suffix
    rows = content.get("data") if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise DataError(f"{path}: expected a list of samples, one JSON object each")
    return _from_rows(path, rows)


def _parquet(path: Path) -> Table:
    try:
        table = _pyarrow("pyarrow.parquet").read_table(path)
    except OSError as error:
        raise DataError(f"{path} is no complete Parquet file ({error})") from error
    return _from_arrow(path, table)


#: The reader of each suffix.
READERS: dict[str, Callable[[Path], Table]] = {
    ".csv": _separated,
    ".tsv": _separated,
    ".jsonl": _lines,
    ".ndjson": _lines,
    ".json": _json,
    ".parquet": _parquet,
}


def _saved_to_disk(folder: Path, split: str | None) -> Table:
    """The table in a folder that `save_to_disk` of `datasets` wrote."""
    if (folder / SPLITS).is_file():
        splits = _read(folder / SPLITS).get("splits", [])
        if split not in splits:
            asked = "say which" if split is None else f"there is no {split!r}"
            raise InputError(f"{folder} has the splits {', '.join(splits)}; {asked}: split=...")
        folder = folder / str(split)
    elif split is not None:
        raise InputError(f"{folder} has no splits, but split={split!r} was asked for; leave it out")
    if not (folder / STATE).is_file():
        raise InputError(f"{folder}: expected a table, or a folder that `save_to_disk` of datasets wrote")
    state = _read(folder / STATE)
    if state.get("_indices_files"):
        raise InputError(f"{folder} holds a selection of another data set; save it with flatten_indices() before")
    arrow = _pyarrow("pyarrow")
    parts = [arrow.ipc.open_stream(str(folder / one["filename"])).read_all() for one in state["_data_files"]]
    table = _from_arrow(folder, arrow.concat_tables(parts))
    features = _read(folder / INFO).get("features") if (folder / INFO).is_file() else None
    return Table(folder, table.columns, _class_names(features) or table.class_names)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError, OSError) as error:
        raise DataError(f"{path} cannot be read as JSON ({error})") from error
    if not isinstance(content, dict):
        raise DataError(f"{path}: expected a JSON object")
    return content


def _from_arrow(path: Path, table: Any) -> Table:
    about = (table.schema.metadata or {}).get(b"huggingface")
    features = json.loads(about).get("info", {}).get("features") if about else None
    columns = {name: table.column(name).to_pylist() for name in table.column_names}
    return Table(path, columns, _class_names(features))


def _class_names(features: Any) -> dict[str, tuple[str, ...]]:
    """Names of classes among what `datasets` says of the columns of a table, also of those of lists."""
    found = {}
    for column, about in (features or {}).items():
        inner = about.get("feature", about) if isinstance(about, dict) else about
        if isinstance(inner, dict) and inner.get("_type") == "ClassLabel" and inner.get("names"):
            found[column] = tuple(map(str, inner["names"]))
    return found


def _pyarrow(module: str) -> Any:
    try:
        importlib.import_module("pyarrow.ipc")
        return importlib.import_module(module)
    except ImportError as error:
        raise TaskError(
            f"Parquet and Arrow are read by pyarrow, which cannot be imported ({error}). Install it with "
            "`pip install pyarrow`, or give a CSV or JSONL file."
        ) from error
