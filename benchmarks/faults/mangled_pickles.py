"""PyTorch's files whose pickle is hostile: opcodes changed one by one, and calls that must not happen."""

from __future__ import annotations

import io
import pickletools
import random
import struct
from collections.abc import Callable

from benchmarks.faults.mangled_archives import entries_of, packed
from benchmarks.faults.samples import Sample, as_pickle, state

#: A file that hostile pickles try to make in the working folder: if it is there afterwards, their code was run.
CANARY = "hostile-code-was-here"

#: Functions that a pickle must never get to call, with the arguments that it would call them with.
HOSTILE: tuple[tuple[str, tuple[object, ...]], ...] = (
    ("os system", (f"touch {CANARY}",)),
    ("posix system", (f"touch {CANARY}",)),
    ("builtins eval", (f"open({CANARY!r}, 'w')",)),
    ("builtins exec", (f"open({CANARY!r}, 'w')",)),
    ("builtins open", (CANARY, "w")),
    ("io open", (CANARY, "w")),
    ("builtins getattr", ("a", "b")),
    ("subprocess Popen", (f"touch {CANARY}",)),
    ("subprocess check_output", (f"touch {CANARY}",)),
    ("pathlib Path.touch", (CANARY,)),
    ("shutil rmtree", (".",)),
    ("importlib import_module", ("antigravity",)),
    ("torch load", (CANARY,)),
    ("torch.hub load", ("a/b", "c")),
    ("torch.jit load", (CANARY,)),
    ("torch._utils _rebuild_tensor", ("a", 0, (1,), (1,))),
    ("torch._utils _rebuild_parameter", (1, 2, 3)),
    ("torch serialization.load", (CANARY,)),
    ("numpy load", (CANARY,)),
    ("numpy.core.multiarray scalar", ("a", b"b")),
    ("argparse Namespace", ()),
    ("collections OrderedDict", (1, 2)),
    ("_codecs encode", ("x" * 99, "latin1")),
    ("sys exit", (0,)),
    ("nowhere nothing", ()),
)

#: Integers at which sizes, offsets and strides go wrong.
NUMBERS = (0, 1, 2, 255, 2**16, 2**31 - 1, -1, -(2**31), 2**40, 2**62, 2**63 - 1, 2**63, 2**64, -(2**63), 2**300)

#: The opcodes of integers.
INTEGERS = frozenset({"BININT", "BININT1", "BININT2", "LONG1", "LONG", "INT"})


def number(value: int) -> bytes:
    """The opcode that pushes an integer."""
    if -(2**31) <= value < 2**31:
        return b"J" + struct.pack("<i", value)
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(raw)]) + raw


def text(value: str) -> bytes:
    """The opcode that pushes a text."""
    raw = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(raw)) + raw


def call(function: str, arguments: tuple[object, ...]) -> bytes:
    """Opcodes that call `MODULE NAME` with texts and integers."""
    module, _, name = function.partition(" ")
    pushed = b"".join(number(one) if isinstance(one, int) else text(str(one)) for one in arguments)
    return b"c" + f"{module}\n{name}\n".encode() + b"(" + pushed + b"tR"


def opcodes(pickle: bytes) -> list[tuple[str, bytes]]:
    """A pickle in pieces: the name of each opcode, and its bytes."""
    found = [(op.name, position) for op, _, position in pickletools.genops(pickle) if position is not None]
    ends = [position for _, position in found[1:]] + [len(pickle)]
    return [(name, pickle[start:stop]) for (name, start), stop in zip(found, ends, strict=True)]


def mangled_opcodes(rng: random.Random, pickle: bytes) -> tuple[bytes, str]:
    """Changes a few opcodes of a pickle, and says how."""
    pieces = opcodes(pickle)
    ways = []
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        if len(pieces) < 2:  # an earlier change has left nothing to change
            break
        way = rng.choice(list(OPCODE_CHANGES))
        OPCODE_CHANGES[way](rng, pieces)
        ways.append(way)
    return b"".join(piece for _, piece in pieces), ", ".join(ways)


Pieces = list[tuple[str, bytes]]


def _at(rng: random.Random, pieces: Pieces) -> int:
    return rng.randrange(1, max(2, len(pieces) - 1))


def _other_number(rng: random.Random, pieces: Pieces) -> None:
    places = [i for i, (name, _) in enumerate(pieces) if name in INTEGERS]
    if places:
        pieces[rng.choice(places)] = ("LONG1", number(rng.choice(NUMBERS)))


def _other_text(rng: random.Random, pieces: Pieces) -> None:
    places = [i for i, (name, _) in enumerate(pieces) if name == "BINUNICODE"]
    odd = [
        "",
        "cpu",
        "cuda:7",
        "meta",
        "storage",
        "\ud800",
        "\x1b[31m",
        "x" * 50_000,
        "../../etc/passwd",
        "module.",
        "a\0",
    ]
    if places:
        pieces[rng.choice(places)] = ("BINUNICODE", text(rng.choice(odd)))


def _other_global(rng: random.Random, pieces: Pieces) -> None:
    places = [i for i, (name, _) in enumerate(pieces) if name == "GLOBAL"]
    more = [
        "torch IntStorage",
        "torch DoubleStorage",
        "torch ByteStorage",
        "torch QInt8Storage",
        "torch.storage UntypedStorage",
    ]
    more += [
        "torch._utils _rebuild_sparse_tensor",
        "torch._utils _rebuild_qtensor",
        "torch._utils _rebuild_meta_tensor_no_storage",
    ]
    function = rng.choice([*more, *(function for function, _ in HOSTILE)])
    if places:
        pieces[rng.choice(places)] = ("GLOBAL", b"c" + function.replace(" ", "\n", 1).encode() + b"\n")


def _lost(rng: random.Random, pieces: Pieces) -> None:
    del pieces[_at(rng, pieces)]


def _repeated(rng: random.Random, pieces: Pieces) -> None:
    at = _at(rng, pieces)
    name, piece = pieces[at]
    pieces[at] = (name, piece * rng.choice([2, 3, 1000, 200_000 // len(piece)]))


def _exchanged(rng: random.Random, pieces: Pieces) -> None:
    one, other = _at(rng, pieces), _at(rng, pieces)
    pieces[one], pieces[other] = pieces[other], pieces[one]


def _put_in(rng: random.Random, pieces: Pieces) -> None:
    deep = rng.choice([1, 500, 100_000])
    extra = [
        b"(" * deep,
        b"]" * deep,
        b"(" * deep + b"t" * deep,
        b"N",
        b"R",
        b"Q",
        b"b",
        b"0",
        b"1",
        b"2" * deep,
        b"}",
        b"u",
    ]
    extra += [
        b"h\xfe",
        b"j\xff\xff\xff\x7f",
        b"r\xff\xff\xff\xff",
        b"\x95" + b"\xff" * 8,
        b"\x8d" + struct.pack("<Q", 2**60),
    ]
    extra += [
        b"]" + b"\x85" * deep,
        call(*rng.choice(HOSTILE)),
        b"\x80\x09",
        b"T" + struct.pack("<i", -1),
        b"\x8b\xff\xff\xff\x7f",
    ]
    pieces.insert(_at(rng, pieces), ("extra", rng.choice(extra)))


OPCODE_CHANGES: dict[str, Callable[[random.Random, Pieces], None]] = {
    "another number": _other_number,
    "another text": _other_text,
    "another global": _other_global,
    "an opcode lost": _lost,
    "an opcode repeated": _repeated,
    "two opcodes exchanged": _exchanged,
    "opcodes put in": _put_in,
}


def hostile_pickle(rng: random.Random) -> Sample:
    """An archive or an old file whose pickle was changed, or that calls what it must not call."""
    if rng.random() < 0.25:
        pickle, what = as_pickle(state(rng), legacy=True), "legacy: "
        # An old file is several pickles in a row; the fourth is that of the content.
        changed, how = _legacy_changed(rng, pickle)
        return Sample("model.pth", {"model.pth": changed}, what + how)
    entries = entries_of(as_pickle(state(rng)))
    at = next(i for i, (name, _) in enumerate(entries) if name.endswith("/data.pkl"))
    if rng.random() < 0.3:
        function, arguments = rng.choice(HOSTILE)
        pickle, what = b"\x80\x02" + call(function, arguments) + b".", f"calls {function}"
        if rng.random() < 0.5:
            pickle = entries[at][1][:-1] + call(function, arguments) + rng.choice([b"0.", b".", b"b."])
    else:
        pickle, what = mangled_opcodes(rng, entries[at][1])
    entries[at] = (entries[at][0], pickle)
    return Sample("model.pt", {"model.pt": packed(entries)}, what)


def _legacy_changed(rng: random.Random, content: bytes) -> tuple[bytes, str]:
    parts = pickles_of(content)
    which = rng.choice([0, 1, 2, 3, 3, 3, 4])
    parts[which], how = mangled_opcodes(rng, parts[which])
    return b"".join(parts), f"pickle {which}: {how}"


def pickles_of(legacy: bytes) -> list[bytes]:
    """The five pickles of an old file, the fourth of which is that of the content; and the storages after them."""
    places, stream = [0], io.BytesIO(legacy)
    for _ in range(5):
        for _op in pickletools.genops(stream):
            pass
        places.append(stream.tell())
    return [legacy[start:stop] for start, stop in zip(places, [*places[1:], len(legacy)], strict=True)]
