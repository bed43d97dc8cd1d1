"""The network in a training checkpoint: what is taken, left out, or asked for."""

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from radin.checkpoints import open_checkpoint
from radin.checkpoints.allowance import STEP, Allowance, Damaged
from radin.checkpoints.contents import choose
from radin.errors import CheckpointError, InputError

STATE = {"a": torch.arange(6.0).view(2, 3), "n": torch.tensor(3), "h": torch.ones(2).half(), "e": torch.empty(0)}


def test_what_is_no_tensor_is_ignored(tmp_path: Path) -> None:
    torch.save({"w": torch.ones(2), "version": 3, "_extra_state": None, 7: torch.ones(1)}, tmp_path / "x.bin")
    assert list(open_checkpoint(tmp_path / "x.bin").tensors) == ["w"]


def test_a_state_dict_with_a_tensor_called_model_is_one_itself(tmp_path: Path) -> None:
    torch.save({"model": torch.ones(2), "state_dict": torch.ones(3)}, tmp_path / "x.pth")
    assert set(open_checkpoint(tmp_path / "x.pth").tensors) == {"model", "state_dict"}


def test_packed_weights_of_quantised_modules_are_named(tmp_path: Path) -> None:
    packed = {"0.scale": torch.tensor(1.0), "0._packed_params._packed_params": (torch.ones(2), None)}
    torch.save(packed, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match=r"quantisation packed.*quantise the soup"):
        open_checkpoint(tmp_path / "x.pt")


@pytest.mark.parametrize("content", [{"epoch": 3}, [torch.ones(2)], torch.ones(2), {"model": {}}, {0: torch.ones(1)}])
def test_a_file_without_named_tensors_is_refused(tmp_path: Path, content: object) -> None:
    torch.save(content, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="no tensors by name"):
        open_checkpoint(tmp_path / "x.pt")


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
    "extra state": ({**W, "_extra_state": {"offset": 1}}, {"w", "b"}, set()),
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


class Node(dict[Any, Any]):
    """A dict that counts how often its entries are gone through."""

    seen = 0

    def items(self) -> Any:
        Node.seen += len(self)
        return super().items()

    def __iter__(self) -> Iterator[Any]:
        Node.seen += len(self)
        return super().__iter__()


def shared(depth: int) -> Node:
    """Dicts in dicts, each in 26 places of the next: far more paths than dicts."""
    node = Node(w="tensor")
    for _ in range(depth):
        node = Node(dict.fromkeys("abcdefghijklmnopqrstuvwxyz", node))
    return node


MANIFOLD = {
    "dicts in very many places": shared(5),
    "one dict in many places": Node({f"k{i}": shared(0) for i in range(5_000)}),
    "a long name around many entries": {"x" * 100_000: Node({f"k{i}": 1 for i in range(5_000)}, w="tensor")},
    "very many names of one tensor": Node({f"k{i}": "tensor" for i in range(5_000)}),
}


@pytest.mark.parametrize("weights", [None, "all"])
@pytest.mark.parametrize("content", MANIFOLD.values(), ids=MANIFOLD.keys())
def test_looking_for_the_network_is_bounded_in_work(content: Any, weights: str | None) -> None:
    allowance = Allowance(0)
    allowance.left = 1 << 20
    Node.seen = 0
    with pytest.raises(Damaged, match="more memory or time"):
        choose(Path("x.pt"), content, weights, lambda value: value if value == "tensor" else None, allowance)
    assert Node.seen <= (1 << 20) / STEP


def test_an_array_that_stands_under_two_names_is_tied(tmp_path: Path) -> None:
    array = np.asfortranarray(np.arange(6.0, dtype=np.float32).reshape(2, 3))
    torch.save({"a": array, "b": array, "c": array.copy()}, tmp_path / "x.pt")
    assert dict(open_checkpoint(tmp_path / "x.pt").aliases) == {"b": "a"}
