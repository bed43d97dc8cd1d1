"""A pool that trains in well under a second: small networks on three overlapping clouds of points.

Used as a module by the tests, and as a task file by those that start a process: `--task tests/helpers/small.py:task`.
"""

from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import nn

import radin

FEATURES, CLASSES, SAMPLES = 6, 3, 300


class Network(nn.Module):
    """Two layers, with BatchNorm between them on request."""

    def __init__(self, batchnorm: bool = False) -> None:
        super().__init__()
        middle = nn.BatchNorm1d(12) if batchnorm else nn.Identity()
        self.layers = nn.Sequential(nn.Linear(FEATURES, 12), middle, nn.ReLU(), nn.Linear(12, CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layers(x)


def clouds(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around three centres, and which centre each belongs to."""
    centres = np.random.default_rng(0).normal(size=(CLASSES, FEATURES))
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=n)
    points = centres[labels] + rng.normal(scale=1.6, size=(n, FEATURES))
    return torch.tensor(points, dtype=torch.float32), torch.tensor(labels)


def train(network: nn.Module, seed: int, steps: int, rate: float) -> None:
    """A few steps of gradient descent on clouds of this seed's own."""
    x, y = clouds(90, seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimiser.step()
    network.eval()


def make_pool(folder: Path, n: int = 5, *, batchnorm: bool = False) -> list[Path]:
    """Fine-tunes one pretrained network `n` times on different samples and writes the checkpoints."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        start = Network(batchnorm)
        train(start, seed=100, steps=60, rate=0.1)
        paths = []
        for i in range(n):
            network = Network(batchnorm)
            network.load_state_dict(start.state_dict())
            train(network, seed=200 + i, steps=30, rate=0.05 * (1 + i % 3))
            paths.append(folder / f"run{i}.safetensors")
            folder.mkdir(parents=True, exist_ok=True)
            save_file(network.state_dict(), paths[-1])
    return paths


def task(samples: int = SAMPLES, batchnorm: bool = False, device: str = "cpu", **settings) -> radin.Task:
    """The task of these pools."""
    return radin.Task(lambda: Network(batchnorm), clouds(samples, seed=1), device=device, **settings)


#: Rows that select and rows that are held back, of this task.
SELECTING, HELD = (len(rows) for rows in task().split)

#: Batches that prove, once for a task's code, that filling a network in place is loading it.
PROOF = 4


def compared(result: radin.Result) -> int:
    """Networks that are run on held-back rows: the winner, the best ingredient and the uniform soup."""
    shown = [one.soup.recipe for one in result.baselines if one.soup is not None]
    return len({result.best.recipe, result.best_ingredient.recipe, *shown})


def plain_value(file: Path, rows: np.ndarray) -> float:
    """Accuracy of the file in a plain network, without radin."""
    network = Network()
    network.load_state_dict(load_file(file))
    x, y = clouds(SAMPLES, 1)
    with torch.inference_mode():
        return float((network(x[rows]).argmax(1) == y[rows]).double().mean())
