"""The index of a folder of arrays, as JSON on disk: each entry is sealed, and each change costs its own size."""

from __future__ import annotations

import json
from collections.abc import Callable, ItemsView, Mapping
from pathlib import Path
from typing import Any

from radin.common.files import append, fingerprint_of, written_aside

INDEX = "index.json"

#: Changes of a large index since `index.json` was written, one a line: a name, and its entry or null.
CHANGES = "index.jsonl"

#: Entries from which on an index is large. A smaller one is one file, which is written whole.
MANY = 256

Entry = dict[str, Any]
Report = Callable[[str], None]


class ArrayIndex:
    """What a folder of arrays says of each: entries by name, oldest first, kept on disk with every change.

    An entry has a seal, a fingerprint of its own, so that one that was changed by anything else is not believed. A
    small index is written aside and renamed. To a large one the change is appended, and everything is written anew when
    the changes are half as many as the entries; so n entries write O(n) bytes in all. A process that is killed leaves
    the index before or after a change.

    Arguments:
        folder: the folder of the arrays.
        report: called with a sentence if entries are damaged.
        read_only: changes stay in memory.

    Attributes:
        is_damaged: whether the index that was found had lost entries.
    """

    def __init__(self, folder: Path, *, report: Report, read_only: bool = False) -> None:
        self._folder, self._report, self._read_only = folder, report, read_only
        self.is_damaged = False
        self._n_changes, self._length = 0, 0  # of the file of changes: lines, and bytes of whole lines
        self._entries = self._read()

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def items(self) -> ItemsView[str, Entry]:
        """All names and entries, oldest first."""
        return self._entries.items()

    def get(self, name: str) -> Entry | None:
        """The entry of a name; None if there is none."""
        return self._entries.get(name)

    def change(self, changes: Mapping[str, Entry | None]) -> None:
        """Puts entries in the place of those of their names; None removes one.

        Raises:
            StorageError: the index cannot be written.
        """
        sealed = {name: None if entry is None else _sealed(name, entry) for name, entry in changes.items()}
        self._apply(self._entries, sealed)
        if self._read_only:
            return
        is_large = len(self._entries) >= MANY
        if is_large or self._n_changes:  # these would undo what is written past them
            lines = "".join(f"{_json([name, entry])}\n" for name, entry in sealed.items()).encode()
            append(self._folder / CHANGES, lines, at=self._length)
            self._n_changes, self._length = self._n_changes + len(sealed), self._length + len(lines)
        if not is_large or self._n_changes > len(self._entries) // 2:
            self._write()

    def _write(self) -> None:
        """Writes all entries, one a line."""
        lines = ",\n".join(f" {_json(name)}: {_json(entry)}" for name, entry in self._entries.items())
        with written_aside(self._folder / INDEX) as file:
            file.write(f"{{\n{lines}\n}}\n".encode())
        (self._folder / CHANGES).unlink(missing_ok=True)
        self._n_changes = self._length = 0

    def _read(self) -> dict[str, Entry]:
        while True:
            before = self._stamp()
            entries = self._read_entries()
            changes = self._read_changes()
            if self._stamp() == before:  # else another process has written it anew in between
                break
        self._apply(entries, changes)
        return entries

    def _stamp(self) -> tuple[int, int] | None:
        """Changes when `index.json` is written anew."""
        try:
            stat = (self._folder / INDEX).stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino

    def _read_entries(self) -> dict[str, Entry]:
        file = self._folder / INDEX
        try:
            index = json.loads(file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError):
            index = None
        if not isinstance(index, dict):
            self._note_damage(f"{file} is damaged")
            return {}
        whole = {name: entry for name, entry in index.items() if _is_whole(name, entry)}
        if len(whole) < len(index):
            self._note_damage(f"{file} is damaged in {len(index) - len(whole)} of {len(index)} entries")
        return whole

    def _read_changes(self) -> dict[str, Entry | None]:
        """The changes since, the last one of each name; the beginning of a line that a kill cut off is none."""
        file = self._folder / CHANGES
        try:
            content = file.read_bytes()
        except FileNotFoundError:
            content = b""
        except OSError:
            content = b""
            self._note_damage(f"{file} is damaged")
        lines = content.splitlines(keepends=True)
        if lines and not lines[-1].endswith(b"\n"):
            del lines[-1]
        self._n_changes, self._length = len(lines), sum(map(len, lines))
        whole = [change for change in map(_change_of, lines) if change is not None]
        if len(whole) < len(lines):
            self._note_damage(f"{file} is damaged in {len(lines) - len(whole)} of {len(lines)} lines")
        found: dict[str, Entry | None] = {}
        for name, entry in whole:
            found.pop(name, None)
            found[name] = entry
        return found

    def _note_damage(self, sentence: str) -> None:
        self._report(sentence)
        self.is_damaged = True

    @staticmethod
    def _apply(entries: dict[str, Entry], changes: Mapping[str, Entry | None]) -> None:
        """Applies changes, so that what was changed last stands last."""
        for name, entry in changes.items():
            entries.pop(name, None)
            if entry is not None:
                entries[name] = entry


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _change_of(line: bytes) -> tuple[str, Entry | None] | None:
    """The change that a line tells of; None if the line is damaged."""
    try:
        name, entry = json.loads(line)
    except (ValueError, TypeError):
        return None
    if isinstance(name, str) and (entry is None or _is_whole(name, entry)):
        return name, entry
    return None


def _sealed(name: str, entry: Entry) -> Entry:
    """The entry with a fingerprint of its own, which detects a changed key or recipe."""
    return {**entry, "seal": _seal(name, entry)}


def _seal(name: str, entry: Mapping[str, Any]) -> str:
    return fingerprint_of(name, {one: value for one, value in entry.items() if one != "seal"})[:16]


def _is_whole(name: str, entry: Any) -> bool:
    """Whether an entry is unchanged since it was written. Entries of version 0.1 have no seal and no checksum."""
    if not isinstance(entry, dict) or not isinstance(entry.get("key"), str):
        return False
    if "seal" not in entry:
        return "sha256" not in entry
    return bool(entry["seal"] == _seal(name, entry))
