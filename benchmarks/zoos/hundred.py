"""The pool *hundred*: a perceptron, fine-tuned 120 times on Fashion-MNIST."""

from __future__ import annotations

from pathlib import Path

from torch import nn

from benchmarks.zoos import fashion_mnist
from benchmarks.zoos.fashion_mnist import CLASSES, DATA, NAMES
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, train_pool
from radin.demo.training import Settings
from radin.tasks import Task

#: Training images; the rest would only make the build longer.
TRAINING_IMAGES = 20_000


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


def build(
    out: Path,
    n: int = 120,
    *,
    data: Path = DATA,
    sweep: Sweep = SWEEP,
    seed: int = 0,
    jobs: int = 2,
    progress: Progress = SILENT,
) -> list[Path]:
    """Trains the pool, or what is missing of it; the arguments are those of *fashion-mnist*."""
    training = fashion_mnist.training_images(data, TRAINING_IMAGES)
    return train_pool(sweep, out, training, n, seed=seed, jobs=jobs, progress=progress)


def task(metric: str = "accuracy", data: str | Path = DATA, selection: int = 5_000, test: int = 10_000) -> Task:
    """The task of the pool: held-out training images select, the official test images report.

    Arguments:
        metric: what is selected for.
        data: the folder of the four files.
        selection: how many images select.
        test: how many report.
    """
    selecting, reporting = fashion_mnist.evaluation_images(Path(data), selection, test)
    return Task(network, selecting.tensors(), metric=metric, test=reporting.tensors())
