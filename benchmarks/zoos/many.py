"""The pool *many*: 60 fine-tunings of a narrow perceptron on scikit-learn's digits, of very unequal quality."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from torch import nn

from radin.common.progress import SILENT, Progress
from radin.demo import digits
from radin.demo.sweep import Sweep, train_pool
from radin.tasks import Task


def network() -> nn.Module:
    """Half as wide as the network of *digits*: two hidden layers of 32 units."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))


SWEEP = Sweep(
    name="many",
    build_network=network,
    pretraining=digits.SWEEP.pretraining,
    ranges=replace(digits.SWEEP.ranges, learning_rate=(1e-3, 2e-2), epochs=(3, 10, 20), part=(0.1, 0.3, 0.6)),
    batch_size=16,
)


def build(out: Path, n: int = 60, *, seed: int = 0, progress: Progress = SILENT) -> list[Path]:
    """Trains the pool, or the missing part of it, on the 500 training images of *digits*."""
    return train_pool(SWEEP, out, digits.images()[0], n, seed=seed, progress=progress)


def task(metric: str = "accuracy", holdback: float = 0.4, split_seed: int = 0) -> Task:
    """The task of the pool: the images of the pool *digits*, split alike."""
    return replace(digits.task(metric, holdback, split_seed), build_model=network)
