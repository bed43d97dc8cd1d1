"""Tiny adapters in the layout of PEFT, written without it, and their updates in float64."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn

import radin
from helpers.small import Network, clouds, train
from radin.adapters.config import CONFIG

#: Shapes of the base's matrices, [outputs, inputs]; the table of an embedding is [rows, columns].
MATRICES = {"body.first": (6, 5), "body.second": (4, 6), "body.head": (3, 6), "head": (3, 4)}


def write_base(folder: Path, dtype: torch.dtype = torch.float32, *, table: bool = False, turned: bool = False) -> Path:
    """A model of four matrices with biases, and perhaps an embedding, under names of a network."""
    generator = torch.Generator().manual_seed(7)
    tensors = {}
    for name, shape in MATRICES.items():
        weight = torch.randn(shape, generator=generator)
        tensors[f"{name}.weight"] = (weight.T.contiguous() if turned else weight).to(dtype)
        tensors[f"{name}.bias"] = torch.randn(shape[0], generator=generator).to(dtype)
    if table:
        tensors["table.weight"] = torch.randn(9, 5, generator=generator).to(dtype)
    folder.mkdir(parents=True, exist_ok=True)
    save_file(tensors, folder / "model.safetensors")
    return folder


def write_adapter(
    folder: Path,
    seed: int,
    ranks: dict[str, int],
    *,
    base: str | Path = "someone/base",
    dtype: torch.dtype = torch.float32,
    table: int = 0,
    plain: dict[str, torch.Tensor] | None = None,
    magnitudes: bool = False,
    **settings: Any,
) -> Path:
    """An adapter of some of `MATRICES`, with a rank for each; `table` is the rank of an embedding's."""
    generator = torch.Generator().manual_seed(seed)
    tensors = dict(plain or {})
    for name, rank in ranks.items():
        key, (outputs, inputs) = f"base_model.model.{name}", MATRICES[name]
        tensors[f"{key}.lora_A.weight"] = torch.randn(rank, inputs, generator=generator).to(dtype)
        tensors[f"{key}.lora_B.weight"] = torch.randn(outputs, rank, generator=generator).to(dtype)
        if settings.get("lora_bias"):
            tensors[f"{key}.lora_B.bias"] = torch.randn(outputs, generator=generator).to(dtype)
        if magnitudes:
            tensors[f"{key}.lora_magnitude_vector"] = torch.rand(outputs, generator=generator) + 0.5
    if table:
        key = "base_model.model.table"
        tensors[f"{key}.lora_embedding_A"] = torch.randn(table, 9, generator=generator).to(dtype)
        tensors[f"{key}.lora_embedding_B"] = torch.randn(5, table, generator=generator).to(dtype)
    usual = max(ranks.values(), default=table)
    config = {
        "peft_type": "LORA",
        "base_model_name_or_path": str(base),
        "r": usual,
        "lora_alpha": 4,
        "rank_pattern": {name: rank for name, rank in ranks.items() if rank != usual}
        | ({"table": table} if table and table != usual else {}),
        "alpha_pattern": {},
        "target_modules": [*ranks, *(["table"] if table else [])],
        "use_dora": magnitudes,
        "bias": "none",
    }
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(config | settings))
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def tensors_of(folder: Path) -> dict[str, np.ndarray]:
    """All tensors of an adapter, or of a model's file, in float64."""
    from safetensors.torch import load_file

    file = folder / "adapter_model.safetensors" if folder.is_dir() else folder
    return {name: tensor.double().numpy() for name, tensor in load_file(file).items()}


def update_of(folder: Path) -> dict[str, np.ndarray]:
    """`{module: ΔW}` of an adapter as [outputs, inputs], in float64: the definition, read by another hand than radin's.

    It takes each module's alpha and rank from the settings, by the module's exact name or the usual value.
    """
    config = json.loads((folder / CONFIG).read_text())
    tensors = tensors_of(folder)
    found = {}
    for name in {key.partition(".lora_")[0] for key in tensors if ".lora_" in key}:
        module = name.removeprefix("base_model.model.")
        kind = "lora_embedding_{}" if f"{name}.lora_embedding_A" in tensors else "lora_{}.weight"
        a, b = (tensors[f"{name}.{kind.format(one)}"] for one in "AB")
        alpha = _of(config, "alpha_pattern", module, config["lora_alpha"])
        rank = _of(config, "rank_pattern", module, config["r"])
        assert rank == a.shape[0] == b.shape[1], (module, rank, a.shape, b.shape)
        scale = alpha / math.sqrt(rank) if config.get("use_rslora") else alpha / rank
        found[module] = scale * b @ a
    return found


def _of(config: dict[str, Any], pattern: str, module: str, otherwise: float) -> float:
    known = {key.removeprefix("^").replace("\\", ""): value for key, value in (config.get(pattern) or {}).items()}
    return known.get(module, otherwise)


def start() -> Network:
    """The base of the pools that `make_adapters` trains, with its weights; a task's `build_model`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = Network()
        train(network, seed=100, steps=60, rate=0.1)
    return network


def make_adapters(folder: Path, n: int = 5, *, rank: int = 2, base: Path | None = None, **settings: Any) -> list[Path]:
    """Trains adapters of both layers of one small network, the `i`-th of rank `rank + i % 2`, in PEFT's layout."""
    network = start()
    if base is not None:
        base.mkdir(parents=True, exist_ok=True)
        save_file(network.state_dict(), base / "model.safetensors")
    return [_train_adapter(network, folder / f"run{i}", i, rank + i % 2, base, settings) for i in range(n)]


def _train_adapter(network: Network, folder: Path, i: int, rank: int, base: Path | None, settings: Any) -> Path:
    generator = torch.Generator().manual_seed(i)
    factors, scale = {}, 4 / (math.sqrt(rank) if settings.get("use_rslora") else rank)
    for name in ("layers.0", "layers.3"):
        outputs, inputs = network.get_submodule(name).weight.shape
        a = (torch.randn(rank, inputs, generator=generator) / inputs).requires_grad_()
        factors[name] = (a, torch.zeros(outputs, rank, requires_grad=True))
    x, y = clouds(90, 200 + i)
    optimiser = torch.optim.SGD([one for pair in factors.values() for one in pair], lr=0.05 * (1 + i % 3))
    for _ in range(30):
        merged = {f"{k}.weight": network.get_submodule(k).weight + scale * b @ a for k, (a, b) in factors.items()}
        optimiser.zero_grad()
        nn.functional.cross_entropy(torch.func.functional_call(network, merged, (x,)), y).backward()
        optimiser.step()
    config = {"peft_type": "LORA", "base_model_name_or_path": str(base or "small"), "r": rank, "lora_alpha": 4}
    folder.mkdir(parents=True)
    (folder / CONFIG).write_text(json.dumps(config | {"target_modules": list(factors)} | settings))
    tensors = {f"base_model.model.{k}.lora_A.weight": a.detach() for k, (a, _) in factors.items()}
    tensors |= {f"base_model.model.{k}.lora_B.weight": b.detach() for k, (_, b) in factors.items()}
    save_file(tensors, folder / "adapter_model.safetensors")
    return folder


def task(samples: int = 200, **settings: Any) -> radin.Task:
    """The task of these pools: its network is the base, with its weights."""
    return radin.Task(start, clouds(samples, seed=1), device="cpu", **settings)
