"""Files of safetensors whose header lies: shapes, offsets, types, names and notes that cannot be, or only just can."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from typing import Any

from benchmarks.faults.samples import Sample, as_safetensors, state

Header = dict[str, Any]

#: Numbers at which arithmetic goes wrong, and things that are no numbers.
NUMBERS: list[Any] = [
    *(0, 1, -1, 3, 2**31 - 1, 2**31, 2**32, 2**53 + 1, 2**62, 2**63 - 1, 2**63, 2**64 - 1, 2**64, 10**40, 10**4400),
    *(0.5, 1e308, -0.0, True, False, None, "4", "", [], [1], {}, float("nan"), float("inf")),
]

NAMES = (
    *(
        "",
        " ",
        ".",
        "..",
        "/",
        "../../x",
        "a\0b",
        "a\nb",
        "\x1b[2J\x1b[31m",
        "\x07",
        "\ud800",
        "x\udfff",
        "\u202egpj.exe",
    ),
    *(
        "module.",
        "module.embed.bias",
        "_orig_mod.embed.bias",
        "module._orig_mod.embed.bias",
        "__metadata__",
        "x" * 70_000,
    ),
    *(
        "lora_A.weight",
        "x.lora_B.default.weight",
        "embed",
        "embed.weight.",
        "EMBED.WEIGHT",
        "e\u0301",
        "%s%n{0}",
        "🙂" * 900,
    ),
)


def _pick(rng: random.Random, header: Header) -> Header:
    return header[rng.choice([name for name in header if name != "__metadata__"])]


def _shape(rng: random.Random, header: Header) -> None:
    entry = _pick(rng, header)
    long = rng.choice([40, 3000, 300_000])
    entry["shape"] = rng.choice(
        [
            [rng.choice(NUMBERS) for _ in range(rng.randint(1, 4))],
            [2**32, 2**32],
            [2**61, 8],
            [0, 2**63],
            [1] * long,
            [1] * long + entry["shape"],
            [2] * long,
            [10**4000] * 40,
            [*entry["shape"], 1],
            entry["shape"][::-1],
            [-size for size in entry["shape"]],
            rng.choice(NUMBERS),
        ]
    )
    if rng.random() < 0.3:
        entry["data_offsets"] = [entry["data_offsets"][0]] * 2


def _offsets(rng: random.Random, header: Header) -> None:
    entry, other = _pick(rng, header), _pick(rng, header)
    start, stop = entry["data_offsets"]
    entry["data_offsets"] = rng.choice(
        [
            other["data_offsets"],
            [start + 1, stop + 1],
            [start, stop + 4],
            [stop, start],
            [start - 8, stop - 8],
            [start + 2**64, stop + 2**64],
            [rng.choice(NUMBERS), rng.choice(NUMBERS)],
            [start],
            [start, stop, stop],
            rng.choice(NUMBERS),
        ]
    )


def _type(rng: random.Random, header: Header) -> None:
    odd = [
        "F32",
        "F64",
        "F16",
        "BF16",
        "I64",
        "I8",
        "U8",
        "BOOL",
        "C64",
        "F8_E4M3",
        "F4",
        "f32",
        "",
        "\ud800",
        "x" * 9000,
    ]
    _pick(rng, header)["dtype"] = rng.choice([*odd, *NUMBERS])


def _names(rng: random.Random, header: Header) -> None:
    for name in rng.sample(list(header), rng.randint(1, 3)):
        header[rng.choice(NAMES)] = header.pop(name)


def _notes(rng: random.Random, header: Header) -> None:
    deep = rng.choice([900, 90_000])
    header["__metadata__"] = rng.choice(
        [
            rng.choice(NUMBERS),
            {"a": rng.choice(NUMBERS)},
            {"tied": "embed.weight"},
            {"embed.bias": "embed.weight"},
            {"tied": "nowhere"},
            {"loop": "loop"},
            {"one": "other", "other": "embed.weight"},
            {rng.choice(NAMES): rng.choice(["embed.weight", "\ud800", "\x1b[31m"])},
            {"class_names": rng.choice(["[" * deep, "[" * deep + "]" * deep, "7" * 6000, "{}", '["a", "b"]', "NaN"])},
            {"class_to_idx": rng.choice(['{"a": 0, "b": true}', '{"a":' + "1" * 6000 + "}", '["\\ud800"]', "null"])},
            {"radin.recipe": rng.choice(["{}", "[", '{"run0": 1e999}']), "radin.version": "99"},
            {f"note{i}": "x" for i in range(rng.choice([10, 30_000]))},
        ]
    )


def _entries(rng: random.Random, header: Header) -> None:
    name = rng.choice(list(header))
    change = rng.choice(["lost", "field lost", "other", "field more", "many"])
    if change == "lost":
        del header[name]
    elif change == "field lost" and isinstance(header[name], dict) and header[name]:
        del header[name][rng.choice(list(header[name]))]
    elif change == "other":
        header[name] = rng.choice(NUMBERS)
    elif change == "field more" and isinstance(header[name], dict):
        header[name]["more"] = rng.choice(NUMBERS)
    else:
        header.update({f"n{i}": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]} for i in range(5_000)})


#: In the order in which they are made: the last leaves headers that the others could not change.
CHANGES: dict[str, Callable[[random.Random, Header], None]] = {
    "shape": _shape,
    "offsets": _offsets,
    "type": _type,
    "names": _names,
    "notes": _notes,
    "entries": _entries,
}


def _texts(rng: random.Random, text: bytes) -> bytes:
    """The header as a text that is no JSON, or more than one would think."""
    deep = rng.choice([900, 90_000, 900_000])
    return rng.choice(
        [
            *(b"", b"{}", b"[]", b"null", b"1", text[:-1], text + b" " * 999, text + bytes(3), b" \n" + text),
            *(
                b"[" * deep,
                b'{"a":' * deep,
                b"[" * deep + b"]" * deep,
                b"7" * 9999,
                b"\xff" + text,
                b"\xef\xbb\xbf" + text,
            ),
            text.replace(b'"shape"', b'"dtype": "I8", "shape"', 1),
            text[:-1] + b', "embed.bias": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}}',
            text.decode().encode("utf-16"),
        ]
    )


def mangled_header(rng: random.Random) -> Sample:
    """A file of safetensors with one or two lies in its header."""
    sound = as_safetensors(state(rng))
    (length,) = struct.unpack("<Q", sound[:8])
    header, body = json.loads(sound[8 : 8 + length]), sound[8 + length :]
    ways = sorted(rng.sample(list(CHANGES), rng.choice([1, 1, 1, 2])), key=list(CHANGES).index)
    for way in ways:
        CHANGES[way](rng, header)
    text = _dumped(header)
    if rng.random() < 0.15:
        ways, text = [*ways, "text"], _texts(rng, text)
    said = len(text)
    if rng.random() < 0.1:
        ways = [*ways, "length"]
        said = rng.choice([0, 1, said - 1, said + 1, 2 * said, 2**31, 2**32 + said, 2**63, 2**64 - 1, 100_000_001])
    content = struct.pack("<Q", said) + text + body
    return Sample("model.safetensors", {"model.safetensors": content}, f"header: {', '.join(ways)}")


def _dumped(header: Header) -> bytes:
    """JSON also of whole numbers that are longer than Python writes by default."""
    marks: dict[str, str] = {}

    def marked(value: Any) -> Any:
        if isinstance(value, int) and abs(value) > 2**70:
            digits = str(value) if value < 10**4000 else "1" + "0" * (4400 if value == 10**4400 else 4000)
            return marks.setdefault(digits, f"number {len(marks)}")
        if isinstance(value, dict):
            return {key: marked(one) for key, one in value.items()}
        return [marked(one) for one in value] if isinstance(value, list) else value

    text = json.dumps(marked(header))
    for digits, mark in marks.items():
        text = text.replace(f'"{mark}"', digits)
    return text.encode()
