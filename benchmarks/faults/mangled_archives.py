"""PyTorch's archives whose entries or directory are hostile: lost, doubled, of a wrong size, or zip bombs."""

from __future__ import annotations

import io
import random
import warnings
import zipfile

from benchmarks.faults.samples import Sample, as_pickle, state


def hostile_archive(rng: random.Random) -> Sample:
    """An archive whose entries are missing, doubled, of a wrong size, compressed a thousandfold, or oddly named."""
    # The identity of the archive is left out: PyTorch reads it as text, and nothing depends on it.
    entries = [entry for entry in entries_of(as_pickle(state(rng))) if not entry[0].endswith("serialization_id")]
    compression, ways = zipfile.ZIP_STORED, []
    for _ in range(rng.choice([1, 1, 2])):
        way = rng.choice(
            ["lost", "doubled", "short", "long", "renamed", "bomb", "many", "compressed", "byte order", "version"]
        )
        compression = _tampered(entries, way, rng) or compression
        ways.append(way)
        if not entries:
            break
    content = packed(entries, compression)
    if rng.random() < 0.2:
        ways.append("directory")
        content = _directory_changed(rng, content)
    if rng.random() < 0.2:
        ways.append("own header")
        content = _own_header_changed(rng, content)
    return Sample("model.pt", {"model.pt": content}, f"archive: {', '.join(ways)}")


def _tampered(entries: list[tuple[str, bytes]], way: str, rng: random.Random) -> int | None:
    """Changes the entries in one way; returns the compression that it asks for, None for any."""
    at = rng.randrange(len(entries))
    name, content = entries[at]
    if way == "lost":
        del entries[at]
    elif way == "doubled":
        entries.append((name, rng.choice([content, b"", content[::-1]])))
    elif way == "short":
        entries[at] = (name, content[: rng.randrange(len(content) + 1)])
    elif way == "long":
        entries[at] = (name, content + rng.randbytes(rng.choice([1, 8, 4000])))
    elif way == "renamed":
        odd = [
            "?",
            "/",
            "../x",
            "data.pkl",
            "archive/data/0",
            "archive/constants.pkl",
            "a\0b",
            "\x1b[31m",
            "x" * 60_000,
        ]
        entries[at] = (rng.choice(odd), content)
    elif way == "bomb":
        filling = rng.choice([b"\0", b"N", b"(", b"]", b"}0"]) * rng.choice([10**6, 10**7, 10**8])
        entries[at] = (name, rng.choice([filling, content[:-1] + filling]))
        return zipfile.ZIP_DEFLATED
    elif way == "many":
        entries += [(f"archive/data/{1000 + i}", b"") for i in range(rng.choice([100, 20_000]))]
    elif way == "compressed":
        return rng.choice([zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
    elif way == "byte order":
        entries.insert(0, ("archive/byteorder", rng.choice([b"big", b"", b"middle", b"x" * 10**6])))
    else:
        entries.insert(0, ("archive/version", rng.choice([b"", b"-1", b"99999999999999999999", b"three", b"\xff"])))
    return None


def _directory_changed(rng: random.Random, content: bytes) -> bytes:
    """Sets a field of the archive's directory, or of an entry's own header, to a number that cannot be."""
    entry, own, end, wide_end, locator = (b"PK" + two for two in (b"\1\2", b"\3\4", b"\5\6", b"\6\6", b"\6\7"))
    mark = rng.choice([entry, entry, entry, own, own, end, wide_end, locator])
    places = [i for i in range(len(content)) if content.startswith(mark, i)]
    if not places:
        return content
    at = rng.choice(places) + rng.choice([4, 6, 8, 10, 12, 14, 16, 18, 20, 24, 28, 30, 32, 38, 42])
    value = rng.choice([0, 1, 8, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.randrange(1 << 32)])
    width = rng.choice([2, 4])
    return content[:at] + (value & ((1 << 8 * width) - 1)).to_bytes(width, "little") + content[at + width :]


def _own_header_changed(rng: random.Random, content: bytes) -> bytes:
    """Changes a byte of the header that stands before an entry's own contents, at best before one of PyTorch's own."""
    small = [b"/.format_version", b"/.storage_alignment", b"/byteorder", b"/version", b"/data.pkl", b"/data/0"]
    at = content.find(b"PK\x03\x04", max(0, content.find(rng.choice(small)) - 60))
    if at < 0:
        return content
    at += rng.choice([0, 1, 2, 3, 6, 8, 14, 18, 22, 26, 28, 30])
    return content[:at] + bytes([content[at] ^ 1 << rng.randrange(8)]) + content[at + 1 :]


def entries_of(archive: bytes) -> list[tuple[str, bytes]]:
    """Names and contents of an archive's entries."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        return [(info.filename, opened.read(info)) for info in opened.infolist()]


def packed(entries: list[tuple[str, bytes]], compression: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of some entries, also of several with one name."""
    out = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # names that stand twice are meant
        with zipfile.ZipFile(out, "w", compression) as archive:
            for name, content in entries:
                archive.writestr(name, content, compression if content else zipfile.ZIP_STORED)
    return out.getvalue()
