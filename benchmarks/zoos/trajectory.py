"""The pool *trajectory*: 30 checkpoints of one training run of a small vision transformer on Fashion-MNIST."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor, nn

from benchmarks.zoos import fashion_mnist
from benchmarks.zoos.fashion_mnist import DATA, NAMES, VisionTransformer
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import Ranges, Sweep, is_finished, publish, untouched_torch_state
from radin.demo.training import Settings, call
from radin.errors import InputError


def network() -> nn.Module:
    """Half as wide and half as deep as the network of *fashion-mnist*: 20 k parameters."""
    return VisionTransformer(width=32, depth=2)


#: The one run, as a sweep without fine-tunings. The learning rate ends at a third of its peak, so that late checkpoints
#: still differ from one another.
SWEEP = Sweep(
    name="trajectory",
    build_network=network,
    pretraining=Settings(learning_rate=3e-3, weight_decay=1e-2, epochs=8, final_rate=0.3, flip=True),
    ranges=Ranges(learning_rate=(3e-3, 3e-3), weight_decay=(1e-2, 1e-2), epochs=(8,)),
    batch_size=64,
    classes=NAMES,
)


class Snapshots:
    """A forward pass that keeps copies of a network's weights while it is trained.

    Training calls it once a step, before the step changes the weights; the weights after the last step are for the
    caller to keep.

    Arguments:
        steps: numbers of finished steps at which a copy is kept.
    """

    def __init__(self, steps: Collection[int]) -> None:
        self.steps, self.finished = frozenset(steps), 0
        self.kept: dict[int, dict[str, Tensor]] = {}

    def __call__(self, network: nn.Module, inputs: Any) -> Tensor:
        """Logits, as the network gives them."""
        self.keep(network)
        self.finished += 1
        return call(network, inputs)

    def keep(self, network: nn.Module) -> None:
        """Copies the weights if this is one of the steps."""
        if self.finished in self.steps:
            self.kept[self.finished] = {name: tensor.clone() for name, tensor in network.state_dict().items()}


def build(
    out: Path,
    n: int = 30,
    *,
    data: Path = DATA,
    sweep: Sweep = SWEEP,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Path]:
    """Trains the network, unless all checkpoints are there, and returns them in the order of training.

    A run that was killed starts anew: it is short, and writes the same bytes again.

    Arguments:
        out: where `checkpoint-1.safetensors` and on go, evenly spaced over the run, the last at its end.
        n: checkpoints.
        data: the folder of Fashion-MNIST's four files.
        sweep: what is trained; its pretraining is the run.
        seed: of everything that is random.
        progress: is told of checkpoints.

    Raises:
        MissingFileError, DataError: Fashion-MNIST is not there or damaged.
        InputError: `n` below 1, or more checkpoints than steps.
        StorageError: a checkpoint could not be written.
    """
    images, settings = fashion_mnist.training_images(data, fashion_mnist.TRAINING_IMAGES), sweep.pretraining
    if settings is None:
        raise InputError("expected a sweep with a pretraining, which is the run; got none")
    seen = max(1, round(settings.part * len(images.labels)))
    steps = settings.epochs * math.ceil(seen / sweep.batch_size)
    if not 1 <= n <= steps:
        raise InputError(f"expected 1 to {steps} checkpoints, as the run has {steps} steps, got n={n}")
    at = [round(k * steps / n) for k in range(1, n + 1)]
    paths = [out / f"checkpoint-{k}.safetensors" for k in range(1, n + 1)]
    start = out / "pretrained" / "pretrained.safetensors"
    origin = images.fingerprint()
    records = {
        path: sweep.record(settings, seed, data=origin, step=step)
        for path, step in zip([start, *paths], [0, *at], strict=True)
    }
    if not all(is_finished(path, record) for path, record in records.items()):
        with untouched_torch_state(seed), progress.stage("training", n, "checkpoint") as advance:
            snapshots, trained = Snapshots([0, *at]), sweep.build_network()
            rng = np.random.default_rng((seed, 0))
            replace(sweep, forward=snapshots).train(trained, images, settings, rng)
            snapshots.keep(trained)
            advance(n)
        for path, step in zip([start, *paths], [0, *at], strict=True):
            publish(snapshots.kept[step], path, records[path], sweep.classes)
    return paths


task = fashion_mnist.SmallPool(SWEEP, n=30).task
