"""PyTorch's files whose instructions are sound, but whose content is not: nested deeply, endless, or oddly named.

Readers in C descend into such content to hash, compare or free it, and overflow the stack of their process. So does
`torch.load`; radin must refuse what it cannot read without descending.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from benchmarks.faults.mangled_archives import entries_of, packed
from benchmarks.faults.mangled_pickles import number, pickles_of, text
from benchmarks.faults.samples import Sample, as_pickle, state

#: Levels of nesting: some that every reader takes, and some that overflow a stack.
LEVELS = (3, 900, 1100, 20_000, 400_000)

#: Names of tensors that other formats, terminals, file systems or wrappers take for something else.
NAMES = (
    *("", ".", "..", "module.", "module.module.x", "_orig_mod", "x._orig_mod.y", "__metadata__", "format", "pt"),
    *("module.__metadata__", "radin.recipe", "n_averaged", "num_batches_tracked", "x.running_mean", "a\0b", "\udcff"),
    *("lora_A", "\x1b[2J", "\n", "\u202e", "e\u0301", "../../x", "/etc/passwd", "%s{0}", "x" * 100_000),
)

Content = Callable[[random.Random], bytes]


def _lists(rng: random.Random) -> bytes:
    deep = rng.choice(LEVELS)
    return b"]" * deep + b"a" * (deep - 1)


def _tuples(rng: random.Random) -> bytes:
    return b"N" + b"\x85" * rng.choice(LEVELS)


def _marked_tuples(rng: random.Random) -> bytes:
    deep = rng.choice(LEVELS)
    return b"(" * deep + b"t" * deep


def _dicts(rng: random.Random) -> bytes:
    deep = rng.choice(LEVELS)
    return (b"}" + text("a")) * deep + b"N" + b"s" * deep


def _multiplied(rng: random.Random) -> bytes:
    """Ten references to ten references, and so on: few bytes that stand for very many."""
    levels = b"".join(
        b"(" + (b"h" + bytes([200 + level])) * 10 + b"tq" + bytes([201 + level]) + b"0" for level in range(9)
    )
    return text("a") + b"q\xc80" + levels + b"h" + bytes([200 + rng.randint(2, 9)])


def _huge(rng: random.Random) -> bytes:
    raw = b"\x7f" * rng.choice([9, 200, 4_000_000])
    return b"\x8a" + bytes([len(raw)]) + raw if len(raw) < 256 else b"\x8b" + len(raw).to_bytes(4, "little") + raw


#: Content that stands alone, as a key, or as a value.
CONTENTS: dict[str, Content] = {
    "lists in lists": _lists,
    "tuples in tuples": _tuples,
    "tuples between marks": _marked_tuples,
    "dicts in dicts": _dicts,
    "ten of ten of ten": _multiplied,
    "a huge number": _huge,
    "itself": lambda rng: b"h\x00",  # the dict of all tensors stands at place 0
}


def hostile_structure(rng: random.Random) -> Sample:
    """A state dict with an odd entry, an odd content instead of a state dict, or tensors with odd names."""
    way = rng.choice(["a value", "a value", "a key", "alone", "names"])
    tensors = state(rng)
    legacy = rng.random() < 0.3
    if way == "names":
        chosen = rng.sample(NAMES, rng.randint(1, 3))
        tensors = {**dict(zip(chosen, tensors.values(), strict=False)), **(tensors if rng.random() < 0.5 else {})}
        return _file(rng.choice([tensors, {"model": tensors}]), legacy, None, f"names {chosen}"[:80])
    kind = rng.choice(list(CONTENTS))
    odd = CONTENTS[kind](rng)

    def changed(pickle: bytes) -> bytes:
        if way == "alone":
            return b"\x80\x02}q\x000" + odd + b"."
        entry = text("more") + odd if way == "a value" else odd + number(1)
        return pickle[:-2] + entry + pickle[-2:]  # within the entries that SETITEMS puts into the dict

    return _file(tensors, legacy, changed, f"{kind} as {way}")


def _file(content: object, legacy: bool, change: Callable[[bytes], bytes] | None, what: str) -> Sample:
    """A file in one of the two formats, with its pickle of the content changed."""
    written = as_pickle(content, legacy=legacy)
    if change is None:
        return Sample("model.pt", {"model.pt": written}, what)
    if legacy:
        parts = pickles_of(written)
        parts[3] = change(parts[3])
        return Sample("model.pt", {"model.pt": b"".join(parts)}, f"legacy: {what}")
    entries = [(name, change(held) if name.endswith("/data.pkl") else held) for name, held in entries_of(written)]
    return Sample("model.pt", {"model.pt": packed(entries)}, what)
