"""Zip archives of PyTorch's, read at offsets: which records there are, and where their bytes lie in the file.

Everything that a reader relies on is checked before it is used. Records may be deflated, as they are after an ordinary
zip program packed the file anew. Nothing else of the zip format is accepted: no encryption, no second disk.
"""

from __future__ import annotations

import io
import os
import re
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from radin.common.wording import shown
from radin.errors import CheckpointError

#: How every zip archive begins that is not empty.
BEGINNING = b"PK\x03\x04"

#: Versions of PyTorch's archives that `torch.load` accepts.
VERSIONS = range(1, 11)

#: Bytes that a record takes at least: two headers, its name in each, and a few of contents.
LEAST = 100

_END = struct.Struct("<4s4H2LH")
_END64 = struct.Struct("<4sQ2H2L4Q")
_END64_BEFORE_REST = 12  # bytes of the mark and of the length, which counts what follows itself
_LOCATOR = struct.Struct("<4sLQL")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_STORED, _DEFLATED = 0, 8

#: Ways of compressing that zip programs use and PyTorch does not know.
METHODS = {9: "Deflate64", 12: "bzip2", 14: "LZMA", 93: "Zstandard", 95: "XZ", 98: "PPMd"}
_ENCRYPTED_OR_PATCHED = 0x2061
_IN_ZIP64 = 0xFFFFFFFF
_FOLDER = 0x10  # of a record's outer attributes; PyTorch reads no bytes of such a one, and zip programs write none


@dataclass(frozen=True)
class Record:
    """One file in the archive, as the archive's directory describes it."""

    header: int
    """Offset of its own header in the file."""
    stored: int
    """Bytes that it takes in the file."""
    size: int
    """Bytes of its contents."""
    deflated: bool
    crc: int


class Archive:
    """The directory of an archive that `torch.save` wrote, or that a zip program wrote from such a one.

    Arguments:
        file: open for reading.
        path: what to name in messages.

    Attributes:
        deflated: whether any record is compressed.

    Raises:
        CheckpointError: it is no complete archive of PyTorch's.
    """

    def __init__(self, file: io.BufferedIOBase, path: Path) -> None:
        self._file = file
        self._path = path
        self.size = os.fstat(file.fileno()).st_size
        self._directory, length, count = self._locate()
        entries = self._entries(self._directory, length, count)
        self._top = next(iter(entries)).partition("/")[0]
        prefix = f"{self._top}/"
        outside = next((name for name in entries if not name.startswith(prefix)), None)
        if outside is not None:
            self._refuse(f"its record {shown(outside)} does not lie in one folder with the rest")
        self.records = {name.removeprefix(prefix): one for name, one in entries.items()}
        self.deflated = any(record.deflated for record in self.records.values())
        self._check_version()

    def contents(self, name: str, limit: int) -> bytes:
        """The contents of a small record.

        Raises:
            CheckpointError: there is none, it is damaged, or its contents take more than `limit` bytes.
        """
        record = self.records.get(name)
        if record is None:
            self._refuse(f"it has no record {shown(name)}")
        if record.size > limit:
            self._refuse(f"its record {shown(name)} takes {record.size:,} bytes, where at most {limit:,} are sensible")
        offset = self.offset(name)
        self._file.seek(offset)
        raw = self._file.read(record.stored)
        return inflated(raw, record, f"{self._path}: record {shown(name)}") if record.deflated else raw

    def offset(self, name: str) -> int:
        """Offset of a record's bytes in the file.

        Raises:
            CheckpointError: its own header is damaged.
        """
        record = self.records[name]
        self._file.seek(record.header)
        raw = self._file.read(_LOCAL.size)
        if len(raw) < _LOCAL.size:
            self._refuse(f"the header of its record {shown(name)} is cut off")
        mark, _, flags, method, *_, name_length, extra = _LOCAL.unpack(raw)
        start = record.header + _LOCAL.size + name_length + extra
        own = self._file.read(name_length)
        if (
            mark != BEGINNING
            or own != f"{self._top}/{name}".encode()
            or flags & _ENCRYPTED_OR_PATCHED
            or (method == _DEFLATED) != record.deflated
            or start + record.stored > self._directory
        ):
            self._refuse(f"the header of its record {shown(name)} disagrees with its directory")
        return start

    def _locate(self) -> tuple[int, int, int]:
        """Offset and length of the directory, and the number of its entries."""
        tail = min(self.size, _END.size + 0xFFFF)
        self._file.seek(self.size - tail)
        raw = self._file.read(tail)
        at = raw.rfind(b"PK\x05\x06")
        if at < 0 or len(raw) - at < _END.size:
            self._refuse("it has no directory at its end (truncated?)")
        _, disk, start_disk, here, count, length, offset, comment = _END.unpack_from(raw, at)
        if len(raw) - at != _END.size + comment:
            self._refuse("bytes follow the end of its directory")
        end = self.size - tail + at
        if _LOCATOR.size <= at and raw[at - _LOCATOR.size :][:4] == b"PK\x06\x07":
            _, locator_disk, where, disks = _LOCATOR.unpack_from(raw, at - _LOCATOR.size)
            if locator_disk or disks != 1 or where + _END64.size > end:
                self._refuse("its directory is damaged")
            self._file.seek(where)
            fields = _END64.unpack(self._file.read(_END64.size))
            mark, rest, _, _, disk, start_disk, here, count, length, offset = fields
            if mark != b"PK\x06\x06" or rest < _END64.size - _END64_BEFORE_REST:
                self._refuse("its directory is damaged")
            end = where
        if count * LEAST > self.size:
            self._refuse(f"its directory lists {count:,} records, more than a file of its size can hold")
        if disk or start_disk or here != count or not count or offset + length > end or count * _ENTRY.size > length:
            self._refuse("its directory is damaged" if count else "it is an empty archive")
        return offset, length, count

    def _entries(self, start: int, length: int, count: int) -> dict[str, Record]:
        self._file.seek(start)
        raw = self._file.read(length)
        if len(raw) != length:
            self._refuse("its directory is cut off")
        found: dict[str, Record] = {}
        at = 0
        for _ in range(count):
            if at + _ENTRY.size > length:
                self._refuse("its directory is cut off")
            fields = _ENTRY.unpack_from(raw, at)
            mark, _, _, flags, method, _, _, crc, stored, size, name_length, extra, comment, disk, _, kind, header = (
                fields
            )
            at += _ENTRY.size
            try:
                name = raw[at : at + name_length].decode()
            except UnicodeDecodeError:
                self._refuse("its directory holds a name that is no text")
            more = raw[at + name_length : at + name_length + extra]
            at += name_length + extra + comment
            if _IN_ZIP64 in (stored, size, header):
                size, stored, header = self._in_zip64(more, size, stored, header)
            if mark == b"PK\x01\x02" and method in METHODS:
                self._refuse_method(name, METHODS[method])
            bad = mark != b"PK\x01\x02" or at > length or disk or flags & _ENCRYPTED_OR_PATCHED or name in found
            bad = bad or method not in (_STORED, _DEFLATED) or (method == _STORED and stored != size)
            bad = bad or (bool(size) and (bool(kind & _FOLDER) or name.endswith("/")))
            if bad or header + _LOCAL.size + stored > start:
                self._refuse(f"its directory is damaged at the record {shown(name)}")
            found[name] = Record(header, stored, size, method == _DEFLATED, crc)
        return found

    def _in_zip64(self, extra: bytes, size: int, stored: int, header: int) -> tuple[int, int, int]:
        while len(extra) >= 4:
            kind, length = struct.unpack_from("<2H", extra)
            body, extra = extra[4 : 4 + length], extra[4 + length :]
            if kind == 1:
                wide = iter(struct.unpack(f"<{len(body) // 8}Q", body[: len(body) // 8 * 8]))
                values = [next(wide, value) if value == _IN_ZIP64 else value for value in (size, stored, header)]
                return values[0], values[1], values[2]
        return size, stored, header

    def _check_version(self) -> None:
        """Reads each small record that `torch.load` reads, so that nothing is accepted here that it refuses."""
        if ".format_version" in self.records:
            self.contents(".format_version", 64)
        alignment = self.contents(".storage_alignment", 64) if ".storage_alignment" in self.records else b"64"
        if not re.fullmatch(rb"\d{1,9}", alignment):
            self._refuse(f"its alignment is {alignment[:20]!r}, where a number is expected")
        identity = self.contents(".data/serialization_id", 4096) if ".data/serialization_id" in self.records else b""
        if not identity.isascii():
            self._refuse("its identity is no text")
        version = self.contents(".data/version" if ".data/version" in self.records else "version", 64)
        if not re.fullmatch(rb"\s*\d{1,3}\s*", version) or int(version) not in VERSIONS:
            self._refuse(f"its version is {version[:20]!r}, where a number up to {VERSIONS[-1]} is expected")

    def _refuse_method(self, name: str, method: str) -> NoReturn:
        raise CheckpointError(
            f"{self._path}: a zip program compressed its record {shown(name)} by {method}, which PyTorch does not "
            "read. Unpack it and pack it anew without compression: zip -0 -r FILE.pt FOLDER."
        )

    def _refuse(self, problem: str) -> NoReturn:
        raise CheckpointError(
            f"{self._path} is no complete PyTorch checkpoint: {problem}. Expected what torch.save writes; copy or save "
            "it again."
        )


def inflated(raw: bytes, record: Record, what: str) -> bytes:
    """The contents of a compressed record, never more than its directory says.

    Raises:
        CheckpointError: they are damaged.
    """
    try:
        machine = zlib.decompressobj(-zlib.MAX_WBITS)
        contents = machine.decompress(raw, record.size + 1)
    except zlib.error as error:
        raise CheckpointError(f"{what} is damaged ({error}). Copy or save the file again.") from error
    if len(contents) != record.size or zlib.crc32(contents) != record.crc:
        raise CheckpointError(f"{what} is damaged: its contents do not fit its checksum. Copy or save the file again.")
    return contents
