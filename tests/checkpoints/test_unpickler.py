"""Pickles are data: what they name is never called, and the work that they ask for is bounded."""

import argparse
import io
import os
import pickle
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from radin.checkpoints import open_checkpoint
from radin.checkpoints.allowance import STEP, Allowance, Damaged
from radin.checkpoints.rebuilding import STAND_INS
from radin.checkpoints.stored import Storage
from radin.checkpoints.unpickler import INSTRUCTIONS, Unpickler
from radin.errors import CheckpointError
from tests.helpers.archives import contents, repack

STATE = {"a": torch.arange(6.0).view(2, 3)}


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_a_pickle_that_would_run_code_is_refused(tmp_path: Path, zipped: bool) -> None:
    bomb = {"a": torch.ones(2), "bomb": Bomb(tmp_path / "exploded")}
    torch.save(bomb, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"x\.pt.*run code.*mkdir.*state_dict\(\)"):
        open_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "exploded").exists()


class Unknown:
    """A class that radin has never heard of."""


@pytest.mark.parametrize("content", [nn.Linear(2, 2), {"model": STATE, "args": Unknown()}], ids=["module", "foreign"])
def test_whole_modules_and_foreign_classes_are_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="run code"):
        open_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_quantised_tensors_are_refused_by_what_they_are(tmp_path: Path, zipped: bool) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # quantised tensors are on their way out of PyTorch
        quantised = torch.quantize_per_tensor(torch.randn(4), 0.1, 0, torch.qint8)
        torch.save({"w": torch.ones(2), "q": quantised}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    with pytest.raises(CheckpointError, match=r"tensor 'q' has a quantised dtype.*Save it dense"):
        open_checkpoint(tmp_path / "x.pt")


class FromNumpy:
    """A tensor as torch_xla saves it."""

    def __init__(self, values: np.ndarray, dtype: torch.dtype) -> None:
        self.values, self.dtype = values, dtype

    def __reduce__(self) -> tuple[object, ...]:
        rebuild = torch._utils._rebuild_device_tensor_from_numpy
        return rebuild, (self.values, self.dtype, "xla:0", False)


def test_a_tensor_that_was_saved_by_way_of_numpy_is_read_or_refused_by_name(tmp_path: Path) -> None:
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    torch.save({"w": FromNumpy(values, torch.float32)}, tmp_path / "x.pt")
    assert contents(tmp_path / "x.pt", "w") == values.tobytes()
    torch.save({"w": FromNumpy(values, torch.bfloat16)}, tmp_path / "y.pt")
    with pytest.raises(CheckpointError, match="tensor 'w' has another device, and is cast to bfloat16"):
        open_checkpoint(tmp_path / "y.pt")


def test_tensors_that_no_safe_reader_knows_are_no_code(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a prototype
        torch.save({"w": torch.nested.nested_tensor([torch.ones(2), torch.ones(3)])}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"tensors of a kind that PyTorch's safe reader does not know.*padded"):
        open_checkpoint(tmp_path / "x.pt")


def test_torchscript_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and torch says so at every step
        torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "x.pt"))
        with pytest.raises(CheckpointError, match="TorchScript"):
            open_checkpoint(tmp_path / "x.pt")


def test_what_stands_in_for_settings_runs_nothing(tmp_path: Path) -> None:
    """A pickle may call what it names with any arguments; a Namespace that is called with a bomb must not help it."""
    bomb = {"state_dict": STATE, "args": argparse.Namespace(bomb=Bomb(tmp_path / "exploded"))}
    torch.save(bomb, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="run code"):
        open_checkpoint(tmp_path / "x.pt")
    assert not (tmp_path / "exploded").exists()
    stand_in = STAND_INS[0](1, 2)
    stand_in.__setstate__({"a": 1})
    assert vars(stand_in) == {}


DEEP = 20_000
HOSTILE = {
    "a tuple in a tuple in a tuple": b"N" + b"\x85" * DEEP,
    "such a tuple as a key": b"}N" + b"\x85" * DEEP + b"Ns",
    "a list in a list": b"]" * DEEP + b"a" * (DEEP - 1),
    "a text of 2 GB": b"X\xff\xff\xff\x7fx",
}


@pytest.mark.parametrize("pickled", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles_are_refused_in_little_memory(tmp_path: Path, pickled: bytes) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(1)}, path)
    repack(path, zipfile.ZIP_DEFLATED, {"data.pkl": b"\x80\x02" + pickled + b"."})
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        open_checkpoint(path)


class Counted(io.BytesIO):
    """A file that counts how often it is read, once for each instruction at least."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        return super().read(size)


def text(value: str) -> bytes:
    return b"X" + len(value).to_bytes(4, "little") + value.encode()


def call(name: str, arguments: bytes) -> bytes:
    module, _, function = name.rpartition(".")
    return f"c{module}\n{function}\n".encode() + arguments + b"R"


def over_and_over(name: str, value: bytes, more: bytes = b"") -> bytes:
    """A value that a function is called with a thousand times."""
    arguments = b"h\x00" + more + (b"\x86" if more else b"\x85")
    return value + b"q\x00](" + call(name, arguments) * 1_000


MANY = b"".join(b"J" + i.to_bytes(4, "little") + b"K\x01" for i in range(200))
PAIRS = b"".join(b"K%cK%c\x86N" % divmod(i, 256) for i in range(9_000))
NAMES = b"".join(text(f"k{i}") + b"N" for i in range(200))
STORAGE = b"(" + text("storage") + b"ctorch\nFloatStorage\n" + text("0") + text("cpu") + b"K\x14tQ"
VIEW = b"K\x00K\x14\x85K\x01\x85\x89" + call("collections.OrderedDict", b")")
TENSOR = call("torch._utils._rebuild_tensor_v2", b"(" + STORAGE + VIEW + b"t")
GREEDY = {
    "numbers": b"](" + b"K\x01" * 10_000,
    "lists": b"](" + b"]" * 10_000,
    "dicts": b"](" + b"}" * 10_000,
    "tuples": b"N" + b"\x85" * 10_000,
    "sets": b"](" + b"\x8f" * 10_000,
    "entries of a dict": b"}(" + MANY * 100,
    "keys whose hashes may be equal": b"}(" + PAIRS + b"u",
    "memo": b"N" + b"".join(b"r" + i.to_bytes(4, "little") for i in range(10_000)),
    "names": b"](" + b"ctorch\nfloat32\n" * 10_000,
    "tensors": b"](" + TENSOR * 1_000,
    "a dict that is counted over and over": over_and_over("collections.Counter", b"}(" + MANY + b"u"),
    "a dict that is ordered over and over": over_and_over("collections.OrderedDict", b"}(" + MANY + b"u"),
    "a list that is a size over and over": over_and_over("torch.Size", b"](" + MANY + b"e"),
    "a text that is encoded over and over": over_and_over("_codecs.encode", text("x" * 10_000), text("latin1")),
    "a long tuple as a key, over and over": b"(" + MANY + b"tq\x00}(" + b"h\x00N" * 1_000 + b"u",
    "a state that is given over and over": b"}(" + NAMES + b"uq\x00ccollections\nOrderedDict\n)R" + b"h\x00b" * 1_000,
}  # fmt: skip


@pytest.mark.parametrize("pickled", GREEDY.values(), ids=GREEDY.keys())
def test_an_allowance_bounds_the_work_and_the_memory_of_a_pickle(pickled: bytes) -> None:
    allowance = Allowance(0)
    allowance.left = given = 1 << 17
    file = Counted(pickled + b".")
    tracemalloc.start()
    with pytest.raises(Damaged, match="more memory or time"):
        Unpickler(file, len(pickled), allowance, lambda pid: Storage("0", "float32", 80)).value()
    taken = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert file.reads <= 3 * given / STEP
    assert taken <= given + (64 << 10)


def test_marks_within_marks_are_bounded() -> None:
    with pytest.raises(Damaged, match="1,000 deep"):
        Unpickler(io.BytesIO(b"(" * 1_001), 1_001, Allowance(0), lambda pid: pid).value()
    assert Unpickler(io.BytesIO(b"(" * 900 + b"t" * 900 + b"."), 1_801, Allowance(0), lambda pid: pid).value()


def test_whole_numbers_of_one_hash_are_no_keys() -> None:
    keys = b"".join(b"\x8a\x0b" + (i * (2**61 - 1)).to_bytes(11, "little") + b"N" for i in range(9, 50))
    with pytest.raises(Damaged, match="huge number"):
        Unpickler(io.BytesIO(b"}(" + keys + b"u."), len(keys) + 4, Allowance(0), lambda pid: pid).value()


def test_a_pickle_of_under_10_mb_may_ask_for_a_million_instructions_at_most() -> None:
    assert Allowance(10_000_000).left // STEP <= 1 << 20
    assert Allowance(1 << 30).left == 2 << 30  # large files have large headers


def test_the_instructions_are_those_of_protocol_2_that_torch_knows() -> None:
    from torch import _weights_only_unpickler as theirs

    known = {value for value in vars(theirs).values() if isinstance(value, bytes) and len(value) == 1}
    assert set(INSTRUCTIONS) | {pickle.STOP} == known
