"""Checkpoints of any network with four inputs and three outputs, and an evaluator that runs them."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import nn

import radin
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.run_folder import RunFolder

X = torch.randn(60, 4, generator=torch.Generator().manual_seed(0))
Y = torch.arange(60) % 3


def states(make: Callable[[], dict[str, torch.Tensor]], folder: Path, n: int = 3) -> list[Path]:
    """Files of `n` states of a network, each with other weights."""
    torch.manual_seed(1)
    paths = []
    for i in range(n):
        state = make()  # with what PyTorch keeps of the modules
        for name, value in state.items():
            if isinstance(value, torch.Tensor) and value.is_floating_point():
                state[name] = value + 0.3 * torch.rand_like(value)
        paths.append(folder / f"run{i}.pt")
        torch.save(state, paths[-1])
    return paths


def evaluator(paths: list[Path], run: Path, build: Callable[[], nn.Module], **settings) -> Evaluator:
    """An evaluator of these files in which all rows select."""
    task = radin.Task(build, (X, Y), holdback=0.0, device="cpu", **settings)
    return Evaluator(radin.Pool(paths), task, RunFolder(run), batchnorm="average")
