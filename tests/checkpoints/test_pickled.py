"""PyTorch's own files: data only."""

import argparse
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, reject
from hypothesis import strategies as st
from torch import Tensor, nn

from radin.checkpoints import TensorInfo, checkpoints_in, open_checkpoint, stem_of
from radin.checkpoints.pickled import STAND_INS
from radin.errors import CheckpointError, InputError


class Bomb:
    """Creates a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.path),)


def contents(path: Path, name: str, start: int = 0, stop: int | None = None) -> bytes:
    checkpoint = open_checkpoint(path)
    with checkpoint.open() as reader:
        stop = checkpoint.info(name).nbytes if stop is None else stop
        return reader.read(name, start, stop, np.empty(stop - start, np.uint8)).tobytes()


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


def test_what_is_no_tensor_is_ignored(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2), "version": 3, "_extra_state": None, 7: torch.ones(1)}, tmp_path / "x.bin")
    assert list(open_checkpoint(tmp_path / "x.bin").tensors) == ["w"]


def test_a_state_dict_with_a_tensor_called_model_is_one_itself(tmp_path: Path) -> None:
    torch.save({"model": torch.ones(2), "state_dict": torch.ones(3)}, tmp_path / "x.pth")
    assert set(open_checkpoint(tmp_path / "x.pth").tensors) == {"model", "state_dict"}


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


def test_torchscript_is_refused(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, and torch says so at every step
        torch.jit.script(nn.Linear(2, 2)).save(str(tmp_path / "x.pt"))
        with pytest.raises(CheckpointError, match="TorchScript"):
            open_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)], torch.ones(2), {"model": {}}, {0: torch.ones(1)}])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="no tensors by name"):
        open_checkpoint(tmp_path / "x.pt")


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


@pytest.mark.filterwarnings("ignore:Validating sparse tensor invariants")
def test_sparse_tensors_are_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.eye(3).to_sparse()}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"'a'.*sparse"):
        open_checkpoint(tmp_path / "x.pt")


VIEWS: dict[str, Callable[[Tensor], Tensor]] = {
    "transposed": lambda t: t.transpose(0, 2),
    "permuted": lambda t: t.permute(1, 0, 2),
    "strided": lambda t: t[:, ::2, 1:],
    "expanded": lambda t: t[:1, :1].expand(3, 4, 5),
    "sliced": lambda t: t[1],
    "column": lambda t: t[:, 0, 0],
}


@pytest.mark.parametrize("view", VIEWS.values(), ids=VIEWS.keys())
def test_any_stretch_of_a_strided_tensor_reads_row_by_row(tmp_path: Path, view: Callable[[Tensor], Tensor]) -> None:
    tensor = view(torch.randn(3, 4, 5))
    torch.save({"a": tensor}, tmp_path / "x.pt")
    expected = tensor.contiguous().numpy().tobytes()
    checkpoint = open_checkpoint(tmp_path / "x.pt")
    with checkpoint.open() as reader:
        for start in range(0, len(expected), 4):
            for stop in range(start, len(expected) + 1, 4):
                assert reader.read("a", start, stop, np.empty(256, np.uint8)).tobytes() == expected[start:stop]


@pytest.mark.parametrize("content", [torch.ones(4), np.ones(4, np.float32)], ids=["tensor", "array"])
def test_what_a_reader_hands_out_is_the_callers_buffer_or_read_only(tmp_path: Path, content: object) -> None:
    torch.save({"a": content}, tmp_path / "x.pt")
    buffer = np.empty(16, np.uint8)
    with open_checkpoint(tmp_path / "x.pt").open() as reader:
        read = reader.read("a", 0, 16, buffer)
        assert np.may_share_memory(read, buffer) or not read.flags.writeable


def test_only_tensors_of_one_memory_and_layout_are_tied(tmp_path: Path) -> None:
    base = torch.randn(4, 4)
    state = {"z": base, "a": base, "transposed": base.T, "row": base[0], "twin": base.clone(), "e": torch.empty(0)}
    torch.save(state | {"empty too": torch.empty(0)}, tmp_path / "x.pt")
    assert dict(open_checkpoint(tmp_path / "x.pt").aliases) == {"z": "a"}


EMA = {name: tensor + 1 for name, tensor in STATE.items()}
BOTH = {
    "timm": {"state_dict": STATE, "state_dict_ema": EMA, "args": argparse.Namespace(lr=0.1, out=Path("x")), "epoch": 3},
    "torchvision": {
        "model": STATE,
        "model_ema": {"n_averaged": torch.tensor(9), **{f"module.{name}": tensor for name, tensor in EMA.items()}},
        "args": argparse.Namespace(),
    },
    "lightning": {
        "pytorch-lightning_version": "2.6.0",
        "state_dict": {f"net.{name}": tensor for name, tensor in EMA.items()},
        "current_model_state": {f"net.{name}": tensor for name, tensor in STATE.items()},
        "averaging_state": {"n_averaged": torch.tensor(9)},
    },
}


@pytest.mark.parametrize("content", BOTH.values(), ids=BOTH.keys())
def test_a_file_with_two_sets_of_weights_asks_which(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"x\.pt.*moving average") as refused:
        open_checkpoint(tmp_path / "x.pt")
    assert refused.value.mend == {"weights": "model"}
    for weights, expected in {"model": STATE, "ema": EMA}.items():
        checkpoint = open_checkpoint(tmp_path / "x.pt", weights=weights)
        assert set(checkpoint.names) == set(STATE)
        assert checkpoint.weights == weights
        with checkpoint.open() as reader:
            assert reader.read("a", 0, 24, np.empty(24, np.uint8)).tobytes() == expected["a"].numpy().tobytes()


def test_the_weights_asked_for_must_be_there(tmp_path: Path) -> None:
    torch.save({"state_dict": STATE}, tmp_path / "own.pt")
    torch.save({"model_ema": EMA}, tmp_path / "averaged.pt")
    torch.save(STATE, tmp_path / "plain.pt")
    for file in ("own.pt", "plain.pt"):
        assert open_checkpoint(tmp_path / file, weights="model").tensors.keys() == STATE.keys()
        with pytest.raises(CheckpointError, match=rf"{file} holds no moving average") as refused:
            open_checkpoint(tmp_path / file, weights="ema")
        assert refused.value.mend == {"weights": "model"}
    assert open_checkpoint(tmp_path / "averaged.pt").weights == "ema"
    with pytest.raises(CheckpointError, match=r"averaged\.pt holds no weights but their moving average"):
        open_checkpoint(tmp_path / "averaged.pt", weights="model")
    with pytest.raises(CheckpointError, match="'best'"):
        open_checkpoint(tmp_path / "own.pt", weights="best")
    with pytest.raises(InputError, match="weights must be"):
        open_checkpoint(tmp_path / "own.pt", weights="")


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_settings_of_scripts_are_passed_over(tmp_path: Path, zipped: bool) -> None:
    """Options, paths, and numpy's numbers and arrays take stand-ins that do nothing."""
    settings = {
        "args": argparse.Namespace(data=Path("/data"), nested=argparse.Namespace(lr=[0.1])),
        "best": np.float64(0.9),
        "history": np.arange(3.0),
        "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "param_groups": [{"lr": 0.1}]},
    }
    torch.save({"state_dict": STATE, **settings}, tmp_path / "x.pt", _use_new_zipfile_serialization=zipped)
    assert open_checkpoint(tmp_path / "x.pt").tensors.keys() == STATE.keys()


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


@pytest.mark.parametrize(
    "key, value",
    [("class_to_idx", {"dog": 1, "cat": 0}), ("classes", ["cat", "dog"]), ("class_names", ("cat", "dog"))],
)
def test_stated_classes_are_read(tmp_path: Path, key: str, value: object) -> None:
    torch.save({"state_dict": STATE, key: value}, tmp_path / "x.pt")
    assert open_checkpoint(tmp_path / "x.pt").class_names == ("cat", "dog")


@pytest.mark.parametrize("value", [{"cat": 0, "dog": 2}, {"cat": [0]}, 3, [], [1, 2], "cat"])
def test_what_is_no_list_of_classes_is_none(tmp_path: Path, value: object) -> None:
    torch.save({"state_dict": STATE, "classes": value}, tmp_path / "x.pt")
    assert open_checkpoint(tmp_path / "x.pt").class_names is None


@st.composite
def states(draw: st.DrawFn) -> dict[str, Tensor]:
    """Views of tensors, some of which share a storage."""
    dtypes = [torch.float32, torch.float16, torch.bfloat16, torch.float64, torch.int64, torch.bool, torch.complex64]
    state: dict[str, Tensor] = {}
    for k in range(draw(st.integers(1, 3))):
        dtype = draw(st.sampled_from(dtypes))
        shape = draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
        view = base = (torch.randn(shape, generator=torch.Generator().manual_seed(k)) * 8).to(dtype)
        for _ in range(draw(st.integers(0, 4))):
            axis = draw(st.integers(0, max(0, view.dim() - 1)))
            step = draw(st.sampled_from(list(STEPS))) if view.dim() else "nothing"
            view = STEPS[step](view, axis)
        state[f"t{k}"] = view
        if draw(st.booleans()):
            state[f"base{k}"] = base
        if draw(st.booleans()):
            state[f"again{k}"] = view
    return state


STEPS: dict[str, Callable[[Tensor, int], Tensor]] = {
    "nothing": lambda t, axis: t,
    "every other": lambda t, axis: t[(slice(None),) * axis + (slice(None, None, 2),)],
    "tail": lambda t, axis: t.narrow(axis, t.shape[axis] // 2, t.shape[axis] - t.shape[axis] // 2),
    "select": lambda t, axis: t.select(axis, 0) if t.shape[axis] else t,
    "move": lambda t, axis: t.movedim(axis, -1),
    "expand": lambda t, axis: t.unsqueeze(axis).expand(*t.shape[:axis], 3, *t.shape[axis:]),
    "conjugate": lambda t, axis: t.conj(),
    "real": lambda t, axis: t.real,
    "imaginary part of the conjugate": lambda t, axis: t.conj().imag if t.is_complex() else t,
    "flip": lambda t, axis: t.flip(axis),
}


@given(state=states(), zipped=st.booleans(), deflated=st.booleans(), big=st.booleans())
def test_whatever_torch_saves_reads_as_torch_loads_it(
    tmp_path_factory: pytest.TempPathFactory, state: dict[str, Tensor], zipped: bool, deflated: bool, big: bool
) -> None:
    path = tmp_path_factory.mktemp("views") / "x.pt"
    try:
        torch.save(state, path, _use_new_zipfile_serialization=zipped)
    except RuntimeError:  # it saves no memory under two dtypes
        reject()
    if zipped and (deflated or big):
        repack(path, zipfile.ZIP_DEFLATED if deflated else zipfile.ZIP_STORED, {"byteorder": b"big"} if big else {})
    loaded = torch.load(path, weights_only=True)
    checkpoint = open_checkpoint(path)
    for name, tensor in loaded.items():
        expected = torch.empty(tensor.shape, dtype=tensor.dtype).copy_(tensor)
        assert checkpoint.info(name) == TensorInfo(str(tensor.dtype)[6:], tuple(tensor.shape))
        assert contents(path, name) == expected.reshape(-1).view(torch.uint8).numpy().tobytes()


def repack(path: Path, method: int, changed: dict[str, bytes]) -> None:
    """Writes an archive anew, as an ordinary zip program does."""
    with zipfile.ZipFile(path) as source:
        entries = {name: source.read(name) for name in source.namelist()}
    with zipfile.ZipFile(path, "w", method) as target:
        for name, data in entries.items():
            target.writestr(name, changed.get(name.partition("/")[2], data))


@pytest.mark.parametrize("change", [lambda data: data[:-4], lambda data: b"", lambda data: data + b"more"])
def test_a_record_of_another_length_than_its_storage_is_refused(
    tmp_path: Path, change: Callable[[bytes], bytes]
) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.arange(6.0)}, path)
    repack(path, zipfile.ZIP_STORED, {"data/0": change(torch.arange(6.0).numpy().tobytes())})
    with pytest.raises(CheckpointError, match=r"x\.pt.*'data/0'"):
        open_checkpoint(path)


DEEP = 200_000
HOSTILE = {
    "a tuple in a tuple in a tuple": b"N" + b"\x85" * DEEP,
    "such a tuple as a key": b"}N" + b"\x85" * DEEP + b"Ns",
    "a list in a list": b"]" * DEEP + b"a" * (DEEP - 1),
    "very many lists": b"](" + b"]" * 2_000_000 + b"e",
    "a text of 2 GB": b"X\xff\xff\xff\x7fx",
    "another protocol": b"\x8c\x01x",
}


@pytest.mark.parametrize("pickled", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_pickles_are_refused_in_little_memory(tmp_path: Path, pickled: bytes) -> None:
    path = tmp_path / "x.pt"
    torch.save({"a": torch.ones(1)}, path)
    repack(path, zipfile.ZIP_DEFLATED, {"data.pkl": b"\x80\x02" + pickled + b"."})
    with pytest.raises(CheckpointError, match=r"x\.pt"):
        open_checkpoint(path)


def test_a_huge_view_of_a_small_storage_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(1).expand(2**40)}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"'a'.*contiguous"):
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


W = {"w": torch.arange(4.0), "b": torch.ones(2)}
#: Contents, what is taken of them, and what is left out.
TAKEN: dict[str, tuple[dict[str, object], set[str], set[str]]] = {
    "counters and optimizers": (
        {"model": W, "epoch": 3, "optimizer": {"state": {0: {"m": W["w"]}}}},
        {"w", "b"},
        {"epoch", "optimizer"},
    ),
    "a metric beside a network": ({"module": W, "best_acc": torch.tensor(0.9)}, {"w", "b"}, {"best_acc"}),
    "a network of parts": (
        {"model": {"visual": W, "scale": torch.tensor(2.0)}},
        {"visual.w", "visual.b", "scale"},
        set(),
    ),
    "arrays": ({**W, "mean": np.ones(2, np.float32)}, {"w", "b", "mean"}, set()),
    "an average as a list": ({"model": W, "ema": {"shadow_params": [W["w"]]}}, {"w", "b"}, {"ema"}),
    "extra state": ({**W, "_extra_state": {"offset": 1}}, {"w", "b"}, {"_extra_state"}),
}


@pytest.mark.parametrize("content, taken, left_out", TAKEN.values(), ids=TAKEN.keys())
def test_every_entry_is_taken_or_named_as_left_out(
    tmp_path: Path, content: dict[str, object], taken: set[str], left_out: set[str]
) -> None:
    torch.save(content, tmp_path / "x.pt")
    checkpoint = open_checkpoint(tmp_path / "x.pt")
    assert set(checkpoint.names) == taken
    assert set(checkpoint.left_out) == left_out


@pytest.mark.parametrize("key", ["generator", "shadow", "nested.ema_weights"])
def test_another_set_of_weights_is_asked_for(tmp_path: Path, key: str) -> None:
    other: dict[str, object] = {"g": torch.zeros(3), "h": torch.zeros(3)}
    top, _, inner = key.partition(".")
    torch.save({"model": W, top: {inner: other} if inner else other}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=key) as refused:
        open_checkpoint(tmp_path / "x.pt")
    assert refused.value.mend == {"weights": "model"}
    assert set(open_checkpoint(tmp_path / "x.pt", weights=key).names) == {"g", "h"}
    assert set(open_checkpoint(tmp_path / "x.pt", weights="all").names) == {
        "model.w", "model.b", f"{key}.g", f"{key}.h"
    }  # fmt: skip
    assert top in open_checkpoint(tmp_path / "x.pt", weights="model").left_out
