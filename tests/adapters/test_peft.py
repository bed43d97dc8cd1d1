"""Against PEFT itself: what it trains and saves is averaged, and what is written it loads."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import radin
from radin.errors import IncompatibleError

peft = pytest.importorskip("peft")


class Layers(nn.Module):
    """One layer of each sort that PEFT adapts."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(9, 6)
        self.first = nn.Linear(6, 6)
        self.attention = nn.MultiheadAttention(6, 2, batch_first=True)
        self.filter = nn.Conv2d(1, 3, 3)
        self.classifier = nn.Linear(3, 4)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        hidden = self.first(self.table(tokens)).relu()
        hidden = self.attention(hidden, hidden, hidden)[0]
        return self.classifier(self.filter(hidden[:, None]).mean(dim=(2, 3)))


class Turned(nn.Module):
    """Layers whose weights are stored as [inputs, outputs], one of them square."""

    def __init__(self) -> None:
        super().__init__()
        from transformers.pytorch_utils import Conv1D

        self.table = nn.Embedding(9, 6)
        self.first, self.second = Conv1D(6, 6), Conv1D(4, 6)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.second(self.first(self.table(tokens)).relu()).mean(dim=1)


ALL = ["table", "first", "filter"]

CASES: dict[str, tuple[Callable[[], nn.Module], list[dict[str, Any]]]] = {
    "every sort of layer": (Layers, [{"target_modules": ALL, "r": 2}, {"target_modules": ALL, "r": 3}]),
    "rslora": (Layers, [{"target_modules": ALL, "r": 2, "use_rslora": True, "lora_alpha": 7}, {"target_modules": ALL}]),
    "patterns": (
        Layers,
        [
            {"target_modules": ALL, "rank_pattern": {"first": 5, "filter": 3}, "alpha_pattern": {"table": 2}},
            {"target_modules": ALL, "r": 4, "alpha_pattern": {"^filter": 9}},
        ],
    ),
    "modules that one lacks": (Layers, [{"target_modules": ["first"]}, {"target_modules": ["table", "filter"]}]),
    "whole modules": (Layers, [{"target_modules": ["first"], "modules_to_save": ["classifier"]}] * 2),
    "biases": (Layers, [{"target_modules": ["first", "filter"], "bias": "all"}] * 2),
    "biases of factors": (Layers, [{"target_modules": ["first"], "lora_bias": True}, {"target_modules": ["first"]}]),
    "turned": (Turned, [{"target_modules": ["first", "second"], "fan_in_fan_out": True}] * 2),
}

#: PEFT takes the bias of a factor for a part of one.
pytestmark = pytest.mark.filterwarnings("ignore:Adapter 'default'")

TOKENS = torch.arange(24).reshape(4, 6) % 9


def base_of(build: Callable[[], nn.Module], folder: Path) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        base = build().eval()
    folder.mkdir(parents=True)
    save_file(base.state_dict(), folder / "model.safetensors")
    return base


def save_adapters(base: nn.Module, settings: list[dict[str, Any]], place: Path) -> list[Path]:
    """One adapter of random numbers for each of the settings, made and saved by PEFT."""
    folders = []
    for i, one in enumerate(settings):
        network = peft.get_peft_model(copy.deepcopy(base), peft.LoraConfig(**{"r": 2, "lora_alpha": 4} | one))
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            torch.manual_seed(i + 1)
            for parameter in network.parameters():
                if parameter.requires_grad:
                    parameter.copy_(torch.randn(parameter.shape) * 0.4)
        folders.append(place / f"run{i}")
        network.save_pretrained(str(folders[-1]))
    return folders


def outputs(network: nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        return network.eval()(TOKENS)


def mean_of_merged(base: nn.Module, folders: list[Path], weights: list[float]) -> torch.Tensor:
    """Outputs of the mean, in float64, of the models that PEFT merges the adapters into."""
    merged = [
        peft.PeftModel.from_pretrained(copy.deepcopy(base), folder).merge_and_unload().state_dict()
        for folder in folders
    ]
    network = copy.deepcopy(base).double()
    pairs = list(zip(weights, merged, strict=True))
    network.load_state_dict({name: sum(w * one[name].double() for w, one in pairs) for name in merged[0]})
    return outputs(network)


@pytest.mark.parametrize("case", CASES)
def test_a_soup_loaded_by_peft_gives_the_outputs_of_the_mean_of_merged_models(tmp_path: Path, case: str) -> None:
    build, settings = CASES[case]
    base = base_of(build, tmp_path / "base")
    folders, weights = save_adapters(base, settings, tmp_path), [0.3, 0.7]
    expected = mean_of_merged(base, folders, weights)
    soup = radin.average(radin.Pool(folders), weights, tmp_path / "soup")
    as_adapter = outputs(peft.PeftModel.from_pretrained(copy.deepcopy(base), soup))
    torch.testing.assert_close(as_adapter.double(), expected, rtol=1e-4, atol=1e-5)
    merged = radin.Pool(folders, merge=True, base=tmp_path / "base")
    network = copy.deepcopy(base)
    network.load_state_dict(load_file(radin.average(merged, weights, tmp_path / "merged.safetensors")))
    torch.testing.assert_close(outputs(network).double(), expected, rtol=1e-4, atol=1e-5)


def test_attention_of_pytorch_is_a_soup_as_an_adapter_alone(tmp_path: Path) -> None:
    """PEFT 0.21 adds the update of the second projection twice, so its settings do not say what merging gives."""
    base = base_of(Layers, tmp_path / "base")
    settings = [{"target_modules": ["attention"], "r": rank} for rank in (2, 3)]
    folders, weights = save_adapters(base, settings, tmp_path), [0.3, 0.7]
    expected = mean_of_merged(base, folders, weights)
    soup = radin.average(radin.Pool(folders), weights, tmp_path / "soup")
    as_adapter = outputs(peft.PeftModel.from_pretrained(copy.deepcopy(base), soup))
    torch.testing.assert_close(as_adapter.double(), expected, rtol=1e-4, atol=1e-5)
    with pytest.raises(IncompatibleError, match="attention") as refused:
        radin.Pool(folders, merge=True, base=tmp_path / "base")
    assert refused.value.mend == {"merge": False}


def test_dora_is_merged_as_peft_merges_it(tmp_path: Path) -> None:
    base = base_of(Turned, tmp_path / "base")
    settings = [{"target_modules": ["first", "second"], "fan_in_fan_out": True, "use_dora": dora} for dora in (1, 0)]
    folders, weights = save_adapters(base, settings, tmp_path), [0.3, 0.7]
    merged = radin.Pool(folders, merge=True, base=tmp_path / "base")
    network = copy.deepcopy(base)
    network.load_state_dict(load_file(radin.average(merged, weights, tmp_path / "merged.safetensors")))
    expected = mean_of_merged(base, folders, weights)
    torch.testing.assert_close(outputs(network).double(), expected, rtol=1e-4, atol=1e-5)


def test_stacked_factors_are_those_of_pefts_own_where_these_are_right(tmp_path: Path) -> None:
    base = base_of(Layers, tmp_path / "base")
    folders, weights = save_adapters(base, [{"target_modules": ["table", "first"]}] * 3, tmp_path), [0.2, 0.3, 0.5]
    network = peft.PeftModel.from_pretrained(copy.deepcopy(base), folders[0], adapter_name="a0")
    for i, folder in enumerate(folders[1:], 1):
        network.load_adapter(folder, adapter_name=f"a{i}")
    network.add_weighted_adapter(["a0", "a1", "a2"], weights, "cat", combination_type="cat")
    network.set_adapter("cat")
    soup = radin.average(radin.Pool(folders), weights, tmp_path / "soup")
    own = outputs(peft.PeftModel.from_pretrained(copy.deepcopy(base), soup))
    torch.testing.assert_close(own, outputs(network), rtol=1e-4, atol=1e-5)
