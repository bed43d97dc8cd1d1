"""State that modules keep beside their tensors, and their versions, reach every network and the soup."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from helpers.any_network import X, evaluator, states
from torch import nn

import radin
from radin.errors import IncompatibleError


class Offset(nn.Linear):
    """Adds what its extra state says."""

    offset = 0.0

    def get_extra_state(self) -> dict[str, float]:
        return {"offset": self.offset}

    def set_extra_state(self, state: dict[str, float]) -> None:
        self.offset = state["offset"]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) + self.offset * torch.eye(3)[0]


def offset(by: float) -> Offset:
    network = Offset(4, 3)
    network.offset = by
    return network


@pytest.mark.parametrize("wrapped", [False, True], ids=["bare", "wrapped"])
def test_equal_extra_state_goes_with_every_network_and_with_the_soup(tmp_path: Path, wrapped: bool) -> None:
    def build() -> nn.Module:
        return nn.Sequential(Offset(4, 3)) if wrapped else Offset(4, 3)

    folder = states(lambda: offset(2.0).state_dict(), tmp_path)
    one = evaluator(folder, tmp_path / "run", build)
    bank = one.collect()
    network = offset(0.0)
    network.load_state_dict(torch.load(one.pool.paths[1], weights_only=True))
    assert network.offset == 2.0
    assert np.array_equal(bank.logits(1), network(X).detach().numpy())
    soup = radin.Pool(radin.average(one.pool, one.pool.names, tmp_path / "soup.safetensors"))
    assert soup.state_dict(0)["_extra_state"] == {"offset": 2.0}
    assert soup.origin(0)["extra_state"] == ["_extra_state"]


@pytest.mark.parametrize("other", [{"offset": 3.0}, {"offset": True}, {"offset": (2.0,)}, {1: 2.0}])
def test_extra_state_that_differs_or_that_json_would_change_is_refused(tmp_path: Path, other: object) -> None:
    torch.save({"w": torch.ones(2), "_extra_state": {"offset": 1}}, tmp_path / "a.pt")
    torch.save({"w": torch.ones(2), "_extra_state": other}, tmp_path / "b.pt")
    with pytest.raises(IncompatibleError, match="extra state"):
        radin.Pool([tmp_path / "a.pt", tmp_path / "b.pt"])


def test_extra_state_that_is_a_tensor_is_never_averaged(tmp_path: Path) -> None:
    for name, scale in {"a": 1.0, "b": 2.0}.items():
        torch.save({"w": torch.full((2,), scale), "layer._extra_state": torch.tensor([scale])}, tmp_path / f"{name}.pt")
    pool = radin.Pool(tmp_path)
    with pytest.raises(IncompatibleError, match=r"'layer\._extra_state'.*only the module knows"):
        radin.average(pool, pool.names, tmp_path / "soup.safetensors")


class Versioned(nn.Linear):
    """Reads files of its second version as they are, and others as half of what was meant."""

    _version = 2

    def _load_from_state_dict(self, state: Any, prefix: str, local: Any, *more: Any) -> None:
        if local.get("version") is None:
            state[prefix + "weight"] = 2 * state[prefix + "weight"]
        super()._load_from_state_dict(state, prefix, local, *more)


def test_versions_of_modules_are_given_to_the_official_loading(tmp_path: Path) -> None:
    folder = states(lambda: nn.DataParallel(Versioned(4, 3)).state_dict(), tmp_path)
    one = evaluator(folder, tmp_path / "run", lambda: Versioned(4, 3))
    network = nn.DataParallel(Versioned(4, 3))
    network.load_state_dict(torch.load(one.pool.paths[0], weights_only=True))
    assert np.array_equal(one.collect().logits(0), network.module(X).detach().numpy())
    soup = radin.Pool(radin.average(one.pool, one.pool.names, tmp_path / "soup.safetensors"))
    assert soup.versions == {"": {"version": 2}} == soup.state_dict(0)._metadata
