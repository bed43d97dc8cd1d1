"""JSON of files: no more than JSON knows, and no more than a file of its size has use for."""

import json
import struct
from pathlib import Path

import pytest

from radin.checkpoints import open_checkpoint
from radin.checkpoints.bounded_json import parsed
from radin.errors import CheckpointError

REFUSED = {
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "minus infinity": b'{"a": [-Infinity]}',
    "a name twice": b'{"a": 1, "a": 2}',
    "deep nesting": b"[" * 100_000,
    "no UTF-8": b'{"a": "\xff"}',
    "very many lists": b"[" + b"[]," * 1_000_000 + b"[]]",
    "very many objects": b"[" + b"{}," * 300_000 + b"{}]",
    "very many numbers": b"[" + b"1," * 1_000_000 + b"1]",
}


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED.keys())
def test_what_is_no_json_or_takes_too_much_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError):
        parsed(text, len(text))


def test_json_reads_as_json() -> None:
    value = {"a": [1, 2.5, None, True, "é"], "b": {}}
    assert parsed(json.dumps(value), 0) == parsed(json.dumps(value).encode(), 0) == value


@pytest.mark.parametrize("constant", ["NaN", "Infinity", "-Infinity"])
def test_headers_and_indices_hold_no_constants_of_pythons_own(tmp_path: Path, constant: str) -> None:
    header = b'{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4],"more":' + constant.encode() + b"}}"
    (tmp_path / "m.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + bytes(4))
    with pytest.raises(CheckpointError, match=rf"m\.safetensors.*{constant}"):
        open_checkpoint(tmp_path / "m.safetensors")
    index = tmp_path / "n.safetensors.index.json"
    index.write_text(f'{{"weight_map": {{"w": "m.safetensors"}}, "metadata": {constant}}}')
    with pytest.raises(CheckpointError, match=rf"n\.safetensors\.index\.json.*{constant}"):
        open_checkpoint(index)
