"""Fine-tunings of any network on any loss, and the average of their files, by PyTorch alone."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import nn


def rows(n: int, *shape: int) -> torch.Tensor:
    return torch.randn(n, *shape, generator=torch.Generator().manual_seed(n))


def fine_tuned(build: Callable[[], nn.Module], loss: Callable[[nn.Module], torch.Tensor], folder: Path) -> list[Path]:
    """Four fine-tunings of one network, written as checkpoints."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start, paths = build(), []
    for i in range(4):
        network = copy.deepcopy(start) if i else start
        optimiser = torch.optim.SGD(network.parameters(), lr=0.05 * (1 + i))
        for _ in range(60 if i == 0 else 25):
            optimiser.zero_grad()
            loss(network).backward()
            optimiser.step()
        paths.append(folder / f"run{i}.safetensors")
        save_file(network.state_dict(), paths[-1])
    return paths


def averaged(build: Callable[[], nn.Module], *files: Path) -> nn.Module:
    """The network with the average of some files' weights, by PyTorch alone."""
    states = [load_file(file) for file in files]
    network = build()
    network.load_state_dict({name: torch.stack([one[name] for one in states]).mean(0) for name in states[0]})
    return network.eval()
