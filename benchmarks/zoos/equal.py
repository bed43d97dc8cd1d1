"""The pool *equal*: a perceptron, fine-tuned 20 times on Fashion-MNIST with the same settings on other images.

The ingredients differ by chance alone, so no one is better than the others by much, and soups gain from all of them.
"""

from __future__ import annotations

from torch import nn

from benchmarks.zoos.fashion_mnist import CLASSES, NAMES, SmallPool
from radin.demo.sweep import Ranges, Sweep
from radin.demo.training import Settings


def network() -> nn.Module:
    """One hidden layer of 96 units: 76 k parameters."""
    return nn.Sequential(nn.Flatten(), nn.Linear(28 * 28, 96), nn.ReLU(), nn.Linear(96, len(CLASSES)))


SWEEP = Sweep(
    name="equal",
    build_network=network,
    pretraining=Settings(learning_rate=2e-3, weight_decay=1e-2, epochs=3, part=0.5),
    ranges=Ranges(learning_rate=(3e-3, 3e-3), weight_decay=(1e-2, 1e-2), epochs=(4,), part=(0.15,), final_rate=(0.1,)),
    batch_size=64,
    classes=NAMES,
)


_POOL = SmallPool(SWEEP, n=20)
build, task = _POOL.build, _POOL.task
