"""Networks filled in place, against the soup's file loaded by PyTorch's own hand."""

import os
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_model, save_file, save_model
from torch import Tensor, nn

from radin.errors import CheckpointError, IncompatibleError, InputError
from radin.recipe import Recipe
from radin.weights.averaging import average
from radin.weights.cuda_stream import CHUNK_BYTES, Slot, chunks_of, stream_on
from radin.weights.filler import Filler
from radin.weights.mixer import Mixer
from radin.weights.pool import Pool
from radin.weights.tiling import TILE

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])
WEIGHTS = [0.2, 0.0, 0.5, 0.3]


class Net(nn.Module):
    """A bit of everything: ties, BatchNorm, masks, narrow floats, a scalar, an empty tensor, a frozen layer."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.frozen = nn.Linear(7, 5)
        torch.manual_seed(seed)
        self.emb = nn.Embedding(50, 16)
        self.bn = nn.BatchNorm1d(16)
        self.narrow = nn.Conv1d(16, 16, 3).bfloat16()
        self.half = nn.Linear(16, 3).half()
        self.double = nn.Linear(3, 3).double()
        self.large = nn.Parameter(torch.randn(3, TILE))
        self.scale = nn.Parameter(torch.randn(()))
        self.none = nn.Parameter(torch.empty(0, 4))
        self.head = nn.Linear(16, 50, bias=False)
        self.head.weight = self.emb.weight
        self.register_buffer("mask", torch.full((4, 4), -torch.inf).triu(1))
        self.register_buffer("ids", torch.arange(50))
        self.register_buffer("scratch", torch.randn(2), persistent=False)
        self.bn.running_mean = torch.randn(16)
        self.bn.num_batches_tracked = torch.tensor(seed * 10)


def build_pool(folder: Path, make: Callable[[int], nn.Module] = Net) -> Pool:
    for i in range(4):
        if i % 2:
            torch.save({"state_dict": {f"module.{k}": v for k, v in make(i).state_dict().items()}}, folder / f"{i}.pt")
        else:
            save_model(make(i), str(folder / f"{i}.safetensors"))
    return Pool([folder / f"{i}.{'pt' if i % 2 else 'safetensors'}" for i in range(4)])


def loaded(pool: Pool, folder: Path, weights: object, network: nn.Module, **options: str) -> nn.Module:
    load_model(network, average(pool, weights, folder / "soup.safetensors", **options))
    return network


def assert_same(one: nn.Module, other: nn.Module) -> None:
    state = other.state_dict()
    for name, tensor in one.state_dict().items():
        assert tensor.dtype == state[name].dtype
        left, right = (
            np.asarray(t.detach().cpu().reshape(-1).clone().view(torch.uint8)) for t in (tensor, state[name])
        )
        assert np.array_equal(left, right), name


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("policy", ["average", "keep", "recompute"])
@pytest.mark.parametrize("weights", [WEIGHTS, [0, 0, 1.0, 0], [True, False, True, True]])
def test_filled_is_average_then_load(tmp_path: Path, device: str, policy: str, weights: list[float]) -> None:
    pool = build_pool(tmp_path)
    expected = loaded(pool, tmp_path, weights, Net(9), batchnorm=policy)
    network = Net(8).to(device)
    Filler(network, pool, batchnorm=policy).fill(weights)
    assert_same(network, expected)


@pytest.mark.parametrize("device", DEVICES)
def test_one_network_takes_soup_after_soup(tmp_path: Path, device: str) -> None:
    pool = build_pool(tmp_path)
    network = Net(8).to(device)
    filler = Filler(network, pool)
    addresses = [tensor.data_ptr() for tensor in network.state_dict().values()]
    scratch = network.scratch.clone()
    for weights in (WEIGHTS, [0.25] * 4, [1.0, 0, 0, 0], WEIGHTS):
        filler.fill(weights)
        assert_same(network, loaded(pool, tmp_path, weights, Net(9)))
        filler.close()
    assert [tensor.data_ptr() for tensor in network.state_dict().values()] == addresses
    assert network.head.weight is network.emb.weight
    assert torch.equal(network.scratch, scratch)


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16, torch.float64])
def test_another_dtype_is_cast_as_load_state_dict_casts(tmp_path: Path, device: str, dtype: torch.dtype) -> None:
    pool = build_pool(tmp_path)
    network = Net(8).to(device, dtype)
    Filler(network, pool).fill(WEIGHTS)
    assert_same(network, loaded(pool, tmp_path, WEIGHTS, Net(9).to(dtype)))


@pytest.mark.parametrize("device", DEVICES)
def test_parameters_in_another_memory_format_are_filled(tmp_path: Path, device: str) -> None:
    def build(seed: int) -> nn.Module:
        torch.manual_seed(seed)
        return nn.Conv2d(3, 4, 5)

    pool = build_pool(tmp_path, build)
    network = build(8).to(device, memory_format=torch.channels_last)
    Filler(network, pool).fill(WEIGHTS)
    assert_same(network, loaded(pool, tmp_path, WEIGHTS, build(9)))
    assert network.weight.is_contiguous(memory_format=torch.channels_last)


class PlainSlot(Slot):
    """Memory of the host's own, for a device that has no other."""

    def __init__(self, size: int) -> None:
        self.pinned = torch.empty(size, dtype=torch.uint8)
        self.free = SimpleNamespace(synchronize=lambda: None, record=lambda: None)


class Streamed(nn.Module):
    """Tensors that are averaged, copied and compared, small ones and one of two chunks, of several dtypes."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.small = nn.ModuleList([nn.Linear(9, 5), nn.Linear(9, 5).bfloat16(), nn.Conv2d(2, 3, 5).half()])
        self.large = nn.Parameter(torch.randn(2, CHUNK_BYTES // 8 + 7))
        self.wide = nn.Parameter(torch.randn(3).double())
        self.bn = nn.BatchNorm1d(4)
        self.bn.num_batches_tracked.fill_(seed)
        self.register_buffer("same", torch.arange(70_000, dtype=torch.int32))
        self.register_buffer("one", torch.ones(5))
        self.register_buffer("empty", torch.empty(0, 3))


def streamed(pool: Pool, weights: list[float], monkeypatch: pytest.MonkeyPatch) -> nn.Module:
    """A network filled by what runs on CUDA, on the CPU: order, chunks, strides and casts are the same there."""
    monkeypatch.setattr("radin.weights.cuda_stream.Slot", PlainSlot)
    monkeypatch.setattr("radin.weights.cuda_stream.SLOTS", 3)
    network = Streamed(9).to(memory_format=torch.channels_last)
    state = network.state_dict()
    with Mixer(pool, Recipe.of(pool.names, weights)) as mixer:
        stream_on(mixer, [(step, state[step.name]) for step in mixer.steps], torch.device("cpu"))
    return network


@pytest.mark.parametrize("weights", [WEIGHTS, [0.0, 1.0, 0.0, 0.0]])
def test_streamed_chunks_meet_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: list[float]) -> None:
    pool = build_pool(tmp_path, Streamed)
    assert_same(streamed(pool, weights, monkeypatch), loaded(pool, tmp_path, weights, Streamed(8)))


@pytest.mark.parametrize("weights", [WEIGHTS, [0.0, 0.0, 1.0, 0.0]])
@pytest.mark.parametrize("name", ["large", "bn.running_var"])
def test_nan_that_is_streamed_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: list[float], name: str
) -> None:
    def build(seed: int) -> nn.Module:
        network = Streamed(seed)
        if seed == 2:
            network.state_dict()[name].view(-1)[-1] = torch.nan
        return network

    pool = build_pool(tmp_path, build)
    with pytest.raises(CheckpointError, match=rf"2\.safetensors: tensor '{name}'"):
        streamed(pool, weights, monkeypatch)


def test_small_tensors_travel_together(tmp_path: Path) -> None:
    pool = build_pool(tmp_path, lambda seed: nn.Sequential(*(linear(seed + i) for i in range(50))))
    with Mixer(pool, Recipe.of(pool.names, WEIGHTS)) as mixer:
        (chunk,) = chunks_of(mixer.steps)
    assert len(chunk.pieces) == 100
    assert chunk.count == sum(info.numel for info in pool.tensors.values())


def test_wrapped_networks_are_filled(tmp_path: Path) -> None:
    pool = build_pool(tmp_path)
    network = Net(8)
    Filler(nn.ModuleDict({"module": nn.ModuleDict({"_orig_mod": network})}), pool).fill(WEIGHTS)
    assert_same(network, loaded(pool, tmp_path, WEIGHTS, Net(9)))


def test_files_without_the_tied_name_fit_a_tied_network(tmp_path: Path) -> None:
    for i in range(2):
        state = {name: t for name, t in Net(i).state_dict().items() if name != "head.weight"}
        save_file(state, tmp_path / f"{i}.safetensors")
    pool = Pool(str(tmp_path / "*.safetensors"))
    network = Net(8)
    Filler(network, pool).fill([0.5, 0.5])
    assert_same(network, loaded(pool, tmp_path, [0.5, 0.5], Net(9)))


class Transposed(nn.Module):
    """An autoencoder whose decoder's weight is the transpose of its encoder's."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.encoder, self.decoder = nn.Linear(8, 5, bias=False), nn.Linear(5, 8, bias=False)
        self.decoder.weight = nn.Parameter(self.encoder.weight.data.T)


def test_a_network_whose_tensors_share_memory_in_part_is_not_filled_in_place(tmp_path: Path) -> None:
    pool = build_pool(tmp_path, Untied)
    with pytest.raises(IncompatibleError, match=r"'decoder\.weight' and 'encoder\.weight' of the network share memory"):
        Filler(Transposed(8), pool)


class Untied(Transposed):
    """The same with a weight of its own in the decoder."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.decoder.weight = nn.Parameter(self.encoder.weight.data.T.clone())


def linear(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4))


@pytest.mark.parametrize(
    "network, message",
    [
        (
            nn.Sequential(nn.Linear(3, 4), nn.Linear(1, 1)),
            r"'1\.weight' is in the network, but not in .*0\.safetensors.*function that builds it.*arch=",
        ),
        (
            nn.Sequential(nn.Linear(3, 4, bias=False)),
            r"'0\.bias' is in .*0\.safetensors, but not in the network.*function that builds it.*arch=",
        ),
        (
            nn.Sequential(nn.Linear(3, 5)),
            r"'0\.weight': shape \[4, 3\] in .*0\.safetensors, but \[5, 3\] in the network.*num_classes=4\..*classes=",
        ),
        (nn.Sequential(nn.Linear(2, 4)), r"\[4, 3\] in .*, but \[4, 2\] in the network.*arch="),
    ],
)
def test_a_network_that_does_not_fit_is_refused(tmp_path: Path, network: nn.Module, message: str) -> None:
    with pytest.raises(IncompatibleError, match=message):
        Filler(network, build_pool(tmp_path, linear))


def test_unknown_policies_and_recipes_are_refused(tmp_path: Path) -> None:
    pool = build_pool(tmp_path, linear)
    with pytest.raises(InputError, match="median"):
        Filler(linear(0), pool, batchnorm="median")
    with pytest.raises(InputError, match="proposals"):
        Filler(linear(0), pool).fill([0.5, 0.5])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("value, error", [(torch.nan, CheckpointError), (torch.inf, IncompatibleError)])
def test_a_diverged_ingredient_is_named(tmp_path: Path, device: str, value: float, error: type[Exception]) -> None:
    state: dict[str, Tensor] = linear(0).state_dict()
    for i, sign in enumerate((1.0, -1.0)):
        state["0.weight"][1, 2] = sign * value
        save_file(state, tmp_path / f"{i}.safetensors")
    pool = Pool(str(tmp_path / "*.safetensors"))
    with pytest.raises(error, match=r"0\.weight"):
        Filler(linear(1).to(device), pool).fill([0.5, 0.5])


def write_over(path: Path, state: dict[str, Tensor]) -> None:
    """The same inode and size with other tensors in it, as `cp` or an open memory map leave it."""
    inode, size = path.stat().st_ino, path.stat().st_size
    other = path.with_suffix(".other")
    torch.save(state, other) if path.suffix == ".pt" else save_file(state, other)
    path.write_bytes(other.read_bytes())
    os.utime(path, ns=(0, 0))  # two writes may fall into one tick of the file system's clock
    assert (path.stat().st_ino, path.stat().st_size) == (inode, size)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
def test_a_file_written_over_between_two_fills_is_refused(tmp_path: Path, suffix: str) -> None:
    paths = [tmp_path / f"{i}{suffix}" for i in range(3)]
    for i, path in enumerate(paths):
        torch.save(linear(i).state_dict(), path) if suffix == ".pt" else save_file(linear(i).state_dict(), path)
    network = linear(9)
    filler = Filler(network, Pool(paths))
    filler.fill([0.25, 0.25, 0.5])
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    write_over(paths[1], linear(7).state_dict())
    with pytest.raises(CheckpointError, match=rf"1\{suffix} was changed after its header was read"):
        filler.fill([0.25, 0.25, 0.5])
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    filler.fill([0.5, 0, 0.5])  # does not read it


@pytest.mark.parametrize("how", ["fill", "average"])
def test_a_file_written_over_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    for i in range(2):
        save_file(linear(i).state_dict(), tmp_path / f"{i}.safetensors")
    pool = Pool(sorted(tmp_path.glob("*.safetensors")))
    tile, turn, written = Mixer.tile, Lock(), []

    def interrupted(mixer: Mixer, *arguments: Any, **more: Any) -> Any:
        with turn:  # several threads average, and none may find the file half written
            if not written:
                written.append(write_over(pool.paths[0], linear(7).state_dict()))
        return tile(mixer, *arguments, **more)

    monkeypatch.setattr(Mixer, "tile", interrupted)
    with pytest.raises(CheckpointError, match=r"0\.safetensors was changed"):
        if how == "fill":
            Filler(linear(9), pool).fill([0.5, 0.5])
        else:
            average(pool, [0.5, 0.5], tmp_path / "soup.safetensors")
    assert not list(tmp_path.glob("*soup*"))
