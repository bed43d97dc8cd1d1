"""A small run: a pool of convolutional networks with BatchNorm on random images, searched and verified."""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

import radin

INGREDIENTS, CLASSES, SAMPLES = 6, 10, 2000


class Network(nn.Module):
    """Two convolutions with BatchNorm, and a linear head."""

    def __init__(self, width: int = 16) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(3, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(),
        )  # fmt: skip
        self.head = nn.Linear(width, CLASSES)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits of images."""
        return self.head(self.layers(x).mean((2, 3)))  # type: ignore[no-any-return]  # modules return anything


def make_pool(folder: Path, width: int = 16) -> radin.Pool:
    """Random networks near one another."""
    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(0)
    start = Network(width).state_dict()
    for i in range(INGREDIENTS):
        noise = torch.Generator().manual_seed(i)
        state = {
            name: one + 0.05 * torch.randn(one.shape, generator=noise) if one.is_floating_point() else one
            for name, one in start.items()
        }
        for name in state:
            if name.endswith("running_var"):
                state[name] = state[name].abs()
        save_file(state, folder / f"run{i}.safetensors")
    return radin.Pool(folder)


def make_task(
    device: str, samples: int = SAMPLES, side: int = 32, batch_size: int = 100, width: int = 16
) -> radin.Task:
    """Random images with random labels."""
    generator = torch.Generator().manual_seed(9)
    images = torch.randn(samples, 3, side, side, generator=generator)
    labels = torch.randint(CLASSES, (samples,), generator=generator)
    return radin.Task(
        lambda: Network(width), (images, labels), device=device, batch_size=batch_size, source="a small run"
    )


def run(folder: Path, pool: radin.Pool, device: str, samples: int = SAMPLES) -> radin.Result:
    """Finds the best soup of three, in a run folder."""
    task = make_task(device, samples)
    budget = radin.Budget(candidates=200, soups=3)
    return radin.make_soup(pool, task, budget=budget, run_dir=folder, race=False, progress=False)


if __name__ == "__main__":
    run(Path(sys.argv[2]), radin.Pool(sys.argv[1]), sys.argv[3])
