"""Checkpoints of which bytes were changed, cut away or added, and files that are no checkpoints at all."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from typing import Any

from benchmarks.faults.samples import FORMATS, Sample, as_safetensors, state


def _flipped(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 5, 30])):
        changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def _head_changed(rng: random.Random, content: bytes) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 3])):
        changed[rng.randrange(min(1000, len(changed)))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(changed)


def _tail_changed(rng: random.Random, content: bytes) -> bytes:
    """Changes the end, where an archive has its directory."""
    changed = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 3])):
        changed[-1 - rng.randrange(min(1000, len(changed)))] = rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.randrange(256)])
    return bytes(changed)


def _cut_short(rng: random.Random, content: bytes) -> bytes:
    return content[: rng.choice([0, 1, 2, 4, 7, 8, 9, len(content) - 1, rng.randrange(len(content))])]


def _cut_out(rng: random.Random, content: bytes) -> bytes:
    start, stop = sorted(rng.randrange(len(content)) for _ in range(2))
    return content[:start] + content[stop:]


def _moved(rng: random.Random, content: bytes) -> bytes:
    start, stop = sorted(rng.randrange(len(content)) for _ in range(2))
    return content[stop:] + content[start:stop] + content[:start]


def _zeroed(rng: random.Random, content: bytes) -> bytes:
    start, stop = sorted(rng.randrange(len(content)) for _ in range(2))
    return content[:start] + bytes(stop - start) + content[stop:]


def _longer(rng: random.Random, content: bytes) -> bytes:
    return rng.choice([content + bytes(rng.randint(1, 99)), content + content, rng.randbytes(8) + content])


CHANGES: dict[str, Callable[[random.Random, bytes], bytes]] = {
    "bits flipped": _flipped,
    "head changed": _head_changed,
    "tail changed": _tail_changed,
    "cut short": _cut_short,
    "a part cut out": _cut_out,
    "parts exchanged": _moved,
    "a part zeroed": _zeroed,
    "longer": _longer,
}


def changed_bytes(kind: str) -> Callable[[random.Random], Sample]:
    """A maker of files of one of the `FORMATS` that were changed without regard to what is in them."""
    suffix, write = FORMATS[kind]

    def make(rng: random.Random) -> Sample:
        way = rng.choice(list(CHANGES))
        name = f"model{suffix}"
        return Sample(name, {name: CHANGES[way](rng, write(state(rng)))}, way)

    return make


def no_checkpoint(rng: random.Random) -> Sample:
    """Text, pictures, pointers, other formats, pipes, folders, links: whatever lies about under a checkpoint's name."""
    suffix, _ = FORMATS[rng.choice(list(FORMATS))]
    name = f"model{suffix}"
    other_suffix, other = FORMATS[rng.choice(list(FORMATS))]
    special = rng.choice(["", "", "", "fifo", "folder", "loop", "/dev/zero", "/dev/null", "/proc/self/mem", "nowhere"])
    if special:
        return Sample(name, {}, special, special={name: special})
    contents = {
        "text": b"to be or not to be\n" * 20,
        "a page of HTML": b"<!DOCTYPE html><html><head><title>404</title></head></html>",
        "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "JSON": json.dumps({"weights": [1, 2, 3]}).encode(),
        "zeros": bytes(rng.choice([1, 8, 100, 10_000])),
        "noise": rng.randbytes(rng.choice([1, 8, 100, 10_000])),
        "an empty archive": b"PK\x05\x06" + bytes(18),
        f"another format ({other_suffix})": other(state(rng)),
    }
    what = rng.choice(list(contents))
    return Sample(name, {name: contents[what]}, what)


def mangled_index(rng: random.Random) -> Sample:
    """Shards whose index is damaged, contradicts them, or points elsewhere."""
    tensors = state(rng)
    names = list(tensors)
    shards = {"model-00001-of-00002.safetensors": names[:4], "model-00002-of-00002.safetensors": names[4:]}
    files = {file: as_safetensors({name: tensors[name] for name in held}) for file, held in shards.items()}
    places: dict[str, Any] = {name: file for file, held in shards.items() for name in held}
    index: dict[str, Any] = {"metadata": {"total_size": 1}, "weight_map": places}
    victim = rng.choice(names)
    odd: list[Any] = [
        *("", ".", "..", "/etc/passwd", "../model.safetensors", "model.safetensors.index.json", "nowhere.safetensors"),
        *("a\0b", "x" * 5000, "\ud800", "\x1b[31m", "sub/model.safetensors", 7, None, True, [], {}, ["a"], 1.5),
    ]
    other = rng.choice(list(shards))
    deep = rng.choice([500, 50_000])
    changes: dict[str, Callable[[], object]] = {
        "an odd place": lambda: places.__setitem__(victim, rng.choice(odd)),
        "the wrong shard": lambda: places.__setitem__(victim, other),
        "a tensor that no shard has": lambda: places.__setitem__("more.weight", other),
        "a tensor left out": lambda: places.pop(victim),
        "a shard missing": lambda: files.pop(other),
        "a shard damaged": lambda: files.__setitem__(other, CHANGES[rng.choice(list(CHANGES))](rng, files[other])),
        "odd places throughout": lambda: index.__setitem__("weight_map", rng.choice(odd)),
        "no places": lambda: index.pop("weight_map"),
        "odd notes": lambda: index.__setitem__("metadata", rng.choice([*odd, {"class_names": "[" * deep}])),
    }
    what = rng.choice(list(changes))
    changes[what]()
    text = json.dumps(index).encode()
    texts: dict[str, bytes] = {
        "": text,
        "text cut short": text[: rng.randrange(len(text))],
        "nested deeply": b'{"weight_map":' * deep,
        "no UTF-8": b"\xff\xfe" + text,
        "places given twice": text.replace(b'"weight_map"', b'"weight_map": {}, "weight_map"'),
        "a long number": text.replace(b"1", b"1" * 5000, 1),
    }
    how = rng.choice(["", "", "", "", *texts])
    name = "model.safetensors.index.json"
    return Sample(name, {**files, name: texts[how]}, f"{what} {how}".strip())
