"""safetensors' header, byte for byte."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file, save_model
from torch import nn

from radin.checkpoints import TensorInfo, open_checkpoint
from radin.checkpoints.safetensors import encode_header
from radin.errors import CheckpointError, MissingFileError


def write(path: Path, header: object, data: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + data)
    return path


def entry(begin: int, end: int, dtype: object = "F32", shape: object = None) -> dict[str, object]:
    return {"dtype": dtype, "shape": [(end - begin) // 4] if shape is None else shape, "data_offsets": [begin, end]}


def test_header_and_bytes_are_those_that_were_saved(tmp_path: Path) -> None:
    state = {"a": torch.randn(3, 4), "b": torch.tensor(7), "c": torch.empty(0, 2), "d": torch.randn(5).bfloat16()}
    save_file(state, tmp_path / "x.safetensors", metadata={"format": "pt"})
    checkpoint = open_checkpoint(tmp_path / "x.safetensors")
    assert dict(checkpoint.tensors) == {
        "a": TensorInfo("float32", (3, 4)),
        "b": TensorInfo("int64", ()),
        "c": TensorInfo("float32", (0, 2)),
        "d": TensorInfo("bfloat16", (5,)),
    }
    with checkpoint.open() as reader:
        for name, tensor in state.items():
            expected = tensor.reshape(-1).view(torch.uint8).numpy()
            buffer = np.empty(expected.size, dtype=np.uint8)
            assert np.array_equal(reader.read(name, 0, expected.size, buffer), expected)
        assert np.array_equal(
            reader.read("a", 8, 20, np.empty(12, np.uint8)), state["a"].view(-1).view(torch.uint8).numpy()[8:20]
        )


def test_reads_without_preadv_give_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"a": torch.arange(10.0)}, tmp_path / "x.safetensors")
    checkpoint = open_checkpoint(tmp_path / "x.safetensors")
    results = []
    for keep in (True, False):
        with checkpoint.open(keep=keep) as reader:
            results.append(reader.read("a", 4, 24, np.empty(20, np.uint8)).tobytes())
    monkeypatch.delattr(os, "preadv")
    with checkpoint.open() as reader:
        results.append(reader.read("a", 4, 24, np.empty(20, np.uint8)).tobytes())
    assert results == [np.arange(1, 6, dtype=np.float32).tobytes()] * 3


def test_tied_tensors_of_save_model_become_aliases(tmp_path: Path) -> None:
    network = nn.ModuleDict({"emb": nn.Embedding(5, 3), "head": nn.Linear(3, 5, bias=False)})
    network["head"].weight = network["emb"].weight
    save_model(network, str(tmp_path / "x.safetensors"))
    checkpoint = open_checkpoint(tmp_path / "x.safetensors")
    assert list(checkpoint.tensors) == ["emb.weight"]
    assert dict(checkpoint.aliases) == {"head.weight": "emb.weight"}
    assert checkpoint.info("head.weight").shape == (5, 3)


def test_tensors_called_like_notes_on_a_file_are_tied_to_nothing(tmp_path: Path) -> None:
    notes = {"format": "pt", "radin.batchnorm": "average", "z.weight": "pt"}
    save_file({"pt": torch.ones(2), "average": torch.ones(3)}, tmp_path / "x.safetensors", metadata=notes)
    checkpoint = open_checkpoint(tmp_path / "x.safetensors")
    assert (sorted(checkpoint.tensors), dict(checkpoint.aliases)) == (["average", "pt"], {"z.weight": "pt"})
    assert checkpoint.metadata == {"format": "pt", "radin.batchnorm": "average"}


A = {"a": entry(0, 8)}
BAD = {
    "a negative shape": ({"a": entry(0, 8, shape=[-2])}, b"12345678", "'a' lacks"),
    "a shape of floats": ({"a": entry(0, 8, shape=[2.0])}, b"12345678", "'a' lacks"),
    "three offsets": ({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4, 8]}}, b"1234", "'a' lacks"),
    "no offsets": ({"a": {"dtype": "F32", "shape": [1]}}, b"1234", "'a' lacks"),
    "not a dict": ({"a": 3}, b"", "'a' lacks"),
    "an unknown dtype": ({"a": entry(0, 8, dtype="F4")}, b"12345678", "'F4'"),
    "a dtype that is no text": ({"a": entry(0, 8, dtype=["F32"])}, b"12345678", "lacks"),
    "a size that does not fit": ({"a": entry(0, 8, shape=[3])}, b"12345678", "needs 12 bytes"),
    "an overlap": ({"a": entry(0, 8), "b": entry(4, 12)}, b"123456789012", "overlap"),
    "a gap": ({"a": entry(0, 4), "b": entry(8, 12)}, b"123456789012", "overlap or leave gaps"),
    "reversed offsets": ({"a": entry(8, 4, shape=[1])}, b"12345678", "needs 4 bytes"),
    "missing data": (A, b"1234", "truncated"),
    "more data": (A, b"1234567890", "2 bytes follow"),
    "a list": ([1], b"", "not a JSON object"),
    "no JSON": (b"{hello", b"", "not valid JSON"),
    "no UTF-8": (b'{"\xff":1}', b"", "not valid JSON"),
    "a name twice": (b'{"a":1,"a":2}', b"", "twice"),
    "metadata of numbers": ({"__metadata__": {"a": 1}}, b"", "metadata"),
    "deep nesting": (b"[" * 100_000, b"", "not valid JSON"),
}


@pytest.mark.parametrize("header, data, message", BAD.values(), ids=BAD.keys())
def test_a_damaged_header_is_refused_with_the_files_name(
    tmp_path: Path, header: object, data: bytes, message: str
) -> None:
    path = write(tmp_path / "bad.safetensors", header, data)
    with pytest.raises(CheckpointError, match=message) as caught:
        open_checkpoint(path)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize("content, message", [(b"", "empty"), (b"1234", "fewer than the 8")])
def test_a_file_without_a_header_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "x.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        open_checkpoint(tmp_path / "x.safetensors")


def test_a_length_beyond_the_file_asks_for_no_memory(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="header should take"):
        open_checkpoint(write(tmp_path / "x.safetensors", {}, length=2**62))


@pytest.mark.parametrize("cut", [1, 100, 300])
def test_a_truncated_file_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.randn(8, 8)}, path)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CheckpointError):
        open_checkpoint(path)


def test_a_file_that_was_replaced_since_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(8)}, path)
    checkpoint = open_checkpoint(path)
    save_file({"a": torch.zeros(9)}, path)
    with pytest.raises(CheckpointError, match="changed after"):
        checkpoint.open()
    path.unlink()
    with pytest.raises(CheckpointError, match="no longer be read"):
        checkpoint.open()


@pytest.mark.parametrize("preadv", [True, False])
def test_a_file_that_shrinks_while_open_is_refused(
    tmp_path: Path, preadv: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.safetensors"
    save_file({"a": torch.zeros(1000)}, path)
    if not preadv:
        monkeypatch.delattr(os, "preadv")
    with open_checkpoint(path).open() as reader:
        os.truncate(path, 500)
        with pytest.raises(CheckpointError, match="was changed after"):
            reader.read("a", 0, 4000, np.empty(4000, np.uint8))


def test_folders_unknown_suffixes_and_missing_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "x.onnx").write_bytes(b"1")
    with pytest.raises(CheckpointError, match=r"\.onnx"):
        open_checkpoint(tmp_path / "x.onnx")
    with pytest.raises(CheckpointError, match="folder"):
        open_checkpoint(tmp_path)
    with pytest.raises(MissingFileError, match="no such checkpoint"):
        open_checkpoint(tmp_path / "x.pt")


def test_an_encoded_header_is_read_by_the_safetensors_package(tmp_path: Path) -> None:
    tensors = {"ü": TensorInfo("bfloat16", (3,)), "w": TensorInfo("float32", (2,)), "e": TensorInfo("int8", (0,))}
    header, offsets, size = encode_header(tensors, {"note": 'a "quoted" line'})
    assert len(header) % 8 == 0
    assert offsets["w"] == len(header)
    (tmp_path / "x.safetensors").write_bytes(header + bytes(size - len(header)))
    with safe_open(tmp_path / "x.safetensors", "pt") as file:
        assert set(file.keys()) == set(tensors)
        assert file.metadata() == {"note": 'a "quoted" line'}
        assert file.get_tensor("ü").dtype == torch.bfloat16


def test_a_dtype_without_a_code_cannot_be_written() -> None:
    with pytest.raises(CheckpointError, match="complex128"):
        encode_header({"a": TensorInfo("complex128", (1,))}, {})


def test_an_unknown_dtype_is_no_damage(tmp_path: Path) -> None:
    path = write(tmp_path / "x.safetensors", {"w": entry(0, 2, "F4", [2, 2])}, bytes(2))
    with pytest.raises(
        CheckpointError, match=r"'w' has dtype 'F4', which radin does not know; save it in one of: BF16"
    ):
        open_checkpoint(path)


def test_a_file_without_tensors_is_no_network(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"x\.safetensors holds no tensors"):
        open_checkpoint(write(tmp_path / "x.safetensors", {"__metadata__": {"format": "pt"}}))
