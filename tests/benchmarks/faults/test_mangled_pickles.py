"""Changed pickles."""

from __future__ import annotations

import random

from benchmarks.faults.mangled_pickles import mangled_opcodes, opcodes


def test_opcodes_are_changed_one_by_one() -> None:
    pickle = b"\x80\x02}X\x01\x00\x00\x00aK\x01s."
    assert b"".join(piece for _, piece in opcodes(pickle)) == pickle
    assert [name for name, _ in opcodes(pickle)] == ["PROTO", "EMPTY_DICT", "BINUNICODE", "BININT1", "SETITEM", "STOP"]
    changed = {mangled_opcodes(random.Random(seed), pickle)[0] for seed in range(40)}
    assert len(changed) > 20
