"""PyTorch's own files: both formats, their names, and what is no complete file."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from radin.checkpoints import TensorInfo, checkpoints_in, open_checkpoint, stem_of
from radin.errors import CheckpointError
from tests.helpers.archives import contents

STATE = {"a": torch.arange(6.0).view(2, 3), "n": torch.tensor(3), "h": torch.ones(2).half(), "e": torch.empty(0)}


@pytest.mark.parametrize(
    "name", ["model_best.pth.tar", "model_best.PTH.TAR", "model_best.pt.tar", "model_best.tar", "model_best.pth"]
)
def test_names_that_scripts_give(tmp_path: Path, name: str) -> None:
    torch.save({"state_dict": STATE}, tmp_path / name)
    assert open_checkpoint(tmp_path / name).tensors["a"] == TensorInfo("float32", (2, 3))
    assert stem_of(tmp_path / name) == "model_best"
    found = checkpoints_in(tmp_path)
    assert [file.name for file in found] == [name] * (name != "model_best.tar")  # any archive may be called so


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize(
    "wrap", [lambda s: s, lambda s: {"state_dict": s, "epoch": 3}, lambda s: {"model": s, "x": "y"}]
)
def test_state_dicts_are_found(tmp_path: Path, wrap: Callable[[object], object], zipped: bool) -> None:
    torch.save(wrap(STATE), tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    checkpoint = open_checkpoint(tmp_path / "x.pt")
    assert checkpoint.tensors["a"] == TensorInfo("float32", (2, 3))
    assert checkpoint.tensors["n"] == TensorInfo("int64", ())
    for name, tensor in STATE.items():
        assert contents(tmp_path / "x.pt", name) == tensor.numpy().tobytes()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("cut", [4, 200])
def test_a_truncated_file_is_refused(tmp_path: Path, zipped: bool, cut: int) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.randn(200)}, path, _use_new_zipfile_serialization=zipped)
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(CheckpointError, match=r"x\.pt is no complete PyTorch checkpoint") as refused:
        open_checkpoint(path)
    assert "copy or save it again" in str(refused.value)
    assert len(str(refused.value).split()) < 30  # PyTorch's own words on this fill a paragraph


@pytest.mark.parametrize("content", [b"", b"hello world", b"<html>not found</html>", b"\x80\x02."])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        open_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_pointer_of_git_lfs_says_how_to_fetch_the_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text(f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 346293720\n")
    with pytest.raises(CheckpointError, match=rf"x\{suffix} is a pointer of Git LFS.*`git lfs pull`"):
        open_checkpoint(path)


OLD = {"w": torch.arange(6.0).view(2, 3), "n": torch.tensor(3)}


def test_an_old_file_of_protocol_3_reads_as_torch_loads_it(tmp_path: Path) -> None:
    path = tmp_path / "x.pth"
    torch.save(OLD, path, pickle_protocol=3, _use_new_zipfile_serialization=False)
    assert open_checkpoint(path).tensors["w"] == TensorInfo("float32", (2, 3))
    assert contents(path, "w") == OLD["w"].numpy().tobytes()


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
@pytest.mark.parametrize("protocol, said", [(1, "0 or 1"), (3, "3"), (4, "4"), (5, "5")])
def test_another_protocol_is_named_with_the_remedy(tmp_path: Path, protocol: int, said: str, zipped: bool) -> None:
    path = tmp_path / "x.pt"
    torch.save({**OLD, "b": b"bytes"}, path, pickle_protocol=protocol, _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=rf"x\.pt was saved with pickle protocol {said}.*without pickle_protocol"):
        open_checkpoint(path)


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.eye(3).to_sparse()}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"'a'.*sparse"):
        open_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [torch.ones(4), np.ones(4, np.float32)], ids=["tensor", "array"])
def test_what_a_reader_hands_out_is_the_callers_buffer_or_read_only(tmp_path: Path, content: object) -> None:
    torch.save({"a": content}, tmp_path / "x.pt")
    buffer = np.empty(16, np.uint8)
    with open_checkpoint(tmp_path / "x.pt").open() as reader:
        read = reader.read("a", 0, 16, buffer)
        assert np.may_share_memory(read, buffer) or not read.flags.writeable


def test_a_huge_view_of_a_small_storage_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1).expand(2**40)}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"'a'.*contiguous"):
        open_checkpoint(tmp_path / "x.pt")


def test_views_for_which_all_would_be_read_over_and_over_are_refused(tmp_path: Path) -> None:
    base = torch.zeros(1 << 20)
    state = {f"t{k}": base[k :: len(base) - 1 - k] for k in range(400)}
    torch.save(state, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"x\.pt.*spread.*contiguous"):
        open_checkpoint(tmp_path / "x.pt")


def test_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="pipe"):
        open_checkpoint(tmp_path / "x.pt")


def test_a_file_that_is_cut_short_while_it_is_read_is_an_error(tmp_path: Path) -> None:
    torch.save({"a": torch.randn(5000)}, tmp_path / "x.pt")
    with open_checkpoint(tmp_path / "x.pt").open() as reader:
        os.truncate(tmp_path / "x.pt", 1000)
        with pytest.raises(CheckpointError, match=r"x\.pt"):
            reader.read("a", 0, 20_000, np.empty(20_000, np.uint8))


def test_the_version_of_batchnorm_is_told_by_its_counter(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2))
    state = network.state_dict()
    torch.save(state, tmp_path / "new.pt")
    assert open_checkpoint(tmp_path / "new.pt").versions == {}
    del state["1.num_batches_tracked"]
    torch.save(state, tmp_path / "odd.pt")
    assert open_checkpoint(tmp_path / "odd.pt").versions == {"1": {"version": 2}}


def test_hidden_checkpoints_are_taken_where_all_are_hidden(tmp_path: Path) -> None:
    for name in ("..0.pt", ".best.pt", "._best.pt", ".notes.txt"):
        (tmp_path / name).touch()
    assert [file.name for file in checkpoints_in(tmp_path)] == ["..0.pt", ".best.pt"]
    (tmp_path / "0.pt").touch()
    assert [file.name for file in checkpoints_in(tmp_path)] == ["0.pt"]
