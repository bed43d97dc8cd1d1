"""The pool *convnet*: a small convolutional network with BatchNorm, fine-tuned 12 times on Fashion-MNIST."""

from __future__ import annotations

from torch import nn

from benchmarks.zoos.fashion_mnist import CLASSES, NAMES, SmallPool
from radin.demo.sweep import Ranges, Sweep
from radin.demo.training import Settings


def network(width: int = 16) -> nn.Module:
    """Four convolutions, each with BatchNorm, mean over places, linear head: 33 k parameters at width 16."""
    widths = (1, width, 2 * width, 2 * width, 4 * width)
    layers: list[nn.Module] = []
    for i, stride in enumerate((2, 1, 2, 2)):
        convolution = nn.Conv2d(widths[i], widths[i + 1], 3, stride, padding=1, bias=False)
        layers += [convolution, nn.BatchNorm2d(widths[i + 1]), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4 * width, len(CLASSES)))


SWEEP = Sweep(
    name="convnet",
    build_network=network,
    pretraining=Settings(learning_rate=3e-3, weight_decay=1e-2, epochs=3, part=0.5),
    ranges=Ranges(
        learning_rate=(5e-4, 5e-3),
        weight_decay=(1e-4, 1e-1),
        epochs=(2, 3, 4),
        part=(0.2, 0.4),
        final_rate=(0.0, 0.1, 0.3),
        label_smoothing=(0.0, 0.05, 0.1),
        mixup=(0.0, 0.0, 0.2),
        shift=(0, 0, 1),
        flip=(False, True),
        erase=(0.0, 0.25),
    ),
    batch_size=64,
    classes=NAMES,
)


_POOL = SmallPool(SWEEP, n=12, test=5_000)
build, task = _POOL.build, _POOL.task
