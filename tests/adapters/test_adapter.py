from pathlib import Path

import pytest
import torch
from helpers.lora import write_adapter
from safetensors.torch import load_file, save_file

from radin.adapters.adapter import network_name, open_adapter, pattern_name
from radin.errors import CheckpointError, IncompatibleError, MissingFileError

RANKS = {"body.first": 2, "head": 3}


def changed(folder: Path, change) -> Path:
    file = folder / "adapter_model.safetensors"
    save_file(change(load_file(file)), file)
    return folder


def test_modules_and_what_is_no_factor(tmp_path: Path) -> None:
    plain = {"base_model.model.classifier.weight": torch.zeros(2, 3), "base_model.model.head.bias": torch.zeros(3)}
    adapter = open_adapter(write_adapter(tmp_path / "run", 0, RANKS, table=1, plain=plain, use_rslora=True))
    found = {module.name: (module.kind, module.rank) for module in adapter.modules.values()}
    assert found == {"body.first": ("matrix", 2), "head": ("matrix", 3), "table": ("embedding", 1)}
    assert adapter.plain.keys() == plain.keys() and adapter.rank == 3
    assert adapter.modules["base_model.model.head"].scale == pytest.approx(4 / 3**0.5)


def test_weights_of_pytorch_are_read_too(tmp_path: Path) -> None:
    folder = write_adapter(tmp_path / "run", 0, RANKS)
    file = folder / "adapter_model.safetensors"
    torch.save(load_file(file), folder / "adapter_model.bin")
    file.unlink()
    assert open_adapter(folder).modules.keys() == {"base_model.model.body.first", "base_model.model.head"}
    (folder / "adapter_model.bin").unlink()
    with pytest.raises(MissingFileError, match="adapter_model"):
        open_adapter(folder)


def test_faulty_factors_are_refused_by_module(tmp_path: Path) -> None:
    a, b = "base_model.model.head.lora_A.weight", "base_model.model.head.lora_B.weight"
    faults = {
        "one": (CheckpointError, lambda held: {name: one for name, one in held.items() if name != b}),
        "rank": (CheckpointError, lambda held: held | {a: torch.zeros(2, 4), b: torch.zeros(3, 2)}),
        "shard": (CheckpointError, lambda held: held | {a: torch.zeros(12)}),
        "grouped": (IncompatibleError, lambda held: held | {b: torch.zeros(3, 1)}),
        "whole": (IncompatibleError, lambda held: held | {a: held[a].int(), b: held[b].int()}),
        "named": (
            CheckpointError,
            lambda held: {name.replace("A.w", "A.default.w"): one for name, one in held.items()},
        ),
    }
    for name, (error, change) in faults.items():
        with pytest.raises(error, match=r"head|default"):
            _ = open_adapter(changed(write_adapter(tmp_path / name, 0, RANKS), change)).modules
    empty = changed(write_adapter(tmp_path / "empty", 0, RANKS), lambda held: {"x": torch.zeros(2)})
    with pytest.raises(CheckpointError, match="no factors"):
        open_adapter(empty)


def test_names_of_the_network_and_of_patterns() -> None:
    assert network_name("base_model.model.a.base_layer.out_proj.weight") == "a.out_proj.weight"
    assert pattern_name("base_model.model.a.base_layer.out_proj") == "a"
    assert network_name("base_model.model.model.base_model.x") == "model.base_model.x"
