"""The pool *hundred*: a perceptron, fine-tuned 120 times on Fashion-MNIST."""

from __future__ import annotations

from torch import nn

from benchmarks.zoos.fashion_mnist import CLASSES, NAMES, SmallPool
from radin.demo.sweep import Ranges, Sweep
from radin.demo.training import Settings


def network(width: int = 64) -> nn.Module:
    """Two hidden layers: 55 k parameters at width 64."""
    return nn.Sequential(
        nn.Flatten(),
        nn.Linear(28 * 28, width),
        nn.ReLU(),
        nn.Linear(width, width),
        nn.ReLU(),
        nn.Linear(width, len(CLASSES)),
    )


SWEEP = Sweep(
    name="hundred",
    build_network=network,
    pretraining=Settings(learning_rate=2e-3, weight_decay=1e-2, epochs=4, part=0.5),
    ranges=Ranges(
        learning_rate=(3e-4, 8e-3),
        weight_decay=(1e-4, 1e-1),
        epochs=(1, 2, 3),
        part=(0.1, 0.2, 0.4),
        final_rate=(0.0, 0.1, 0.3),
        label_smoothing=(0.0, 0.05, 0.1),
        mixup=(0.0, 0.0, 0.2),
        flip=(False, True),
        noise=(0.0, 0.1, 0.2),
    ),
    batch_size=64,
    classes=NAMES,
)


_POOL = SmallPool(SWEEP, n=120)
build, task = _POOL.build, _POOL.task
