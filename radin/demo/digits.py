"""The small real pool that `radin demo` trains: one small network, fine-tuned on scikit-learn's digits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import nn

from radin.common.files import file_fingerprint
from radin.common.progress import SILENT, Progress
from radin.common.wording import installing
from radin.demo.sweep import Ranges, Sweep, fine_tune, is_finished, pretrain, publish
from radin.demo.sweep import train_pool as _train_pool
from radin.demo.training import Images, Settings
from radin.errors import InputError
from radin.tasks import Task

#: Training images; the rest of the 1 797 select and report. Few, so that models differ and intervals are narrow.
TRAINING_IMAGES = 500


#: Fingerprint of the task below: the SHA-256 of its file when first released, so that run folders of then still open.
#: It changes only when the logits of the task would.
FINGERPRINT = "95c9937eaa71fe9b777a3b8737df5707eac4298542a6f28c7c45123d4415c462"


def network() -> nn.Module:
    """The network that is fine-tuned: two hidden layers of 64 units, logits of 10 classes from 8 × 8 pixels."""
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))


SWEEP = Sweep(
    name="digits",
    build_network=network,
    pretraining=Settings(learning_rate=2e-3, weight_decay=1e-2, epochs=30, part=0.4, noise=0.1),
    ranges=Ranges(
        learning_rate=(2e-3, 1e-2),
        weight_decay=(1e-4, 1e-1),
        epochs=(10, 20, 30),
        part=(0.3, 0.5),
        final_rate=(0.1, 0.5),
        label_smoothing=(0.0, 0.05, 0.1),
        mixup=(0.0, 0.0, 0.2),
        noise=(0.0, 0.05, 0.1, 0.2),
    ),
    batch_size=16,
)

#: Trainings that do not belong in a soup, as sweeps have them: learning rates that are too high, and another start.
#: Of each its name, learning rate, and whether it starts from the pretrained network of the others.
STRAYS = (("rate-0.1", 0.1, True), ("rate-0.5", 0.5, True), ("other-start", 4e-3, False))


def images() -> tuple[Images, Images]:
    """Training and validation images, `uint8[500, 8, 8]` and `uint8[1297, 8, 8]`; the split is always the same.

    Raises:
        InputError: scikit-learn, which brings the digits, is not installed.
    """
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise InputError(f"the digits come with scikit-learn, which is missing: {installing('demo')}") from error
    digits = load_digits()
    pixels, labels = digits.images.astype(np.uint8), digits.target.astype(np.int64)
    order = np.random.default_rng(0).permutation(len(labels))
    every = Images(pixels, labels, brightest=16)
    return every.part(order[:TRAINING_IMAGES]), every.part(order[TRAINING_IMAGES:])


def train_pool(folder: str | Path, n: int = 13, seed: int = 0, progress: Progress = SILENT) -> list[Path]:
    """Trains the missing networks of the pool on the 500 training images.

    Arguments:
        folder: the folder for `run-00.safetensors` and so on. Finished files are not trained again.
        n: number of fine-tunings; 13 as in the paper.
        seed: seed of everything that is random; the same seed writes the same bytes.
        progress: receives the number of finished epochs.

    Returns:
        the files, in pool order.

    Raises:
        InputError: `n` below 1, or scikit-learn is not installed.
        StorageError: a file could not be written.
    """
    return _train_pool(SWEEP, Path(folder), images()[0], n, seed=seed, progress=progress)


def train_mixed_pool(folder: str | Path, seed: int = 0, progress: Progress = SILENT) -> list[Path]:
    """Trains the missing networks of the demo's pool: those of `train_pool`, and three that do not belong among them.

    Two have a learning rate that is too high, one diverges; the third starts from a network of its own. With them
    a selection matters, which it does not where all ingredients are equally good.

    Arguments:
        folder, seed, progress: as for `train_pool`.

    Returns:
        the files, in pool order.

    Raises:
        InputError, StorageError: as `train_pool` raises them.
    """
    paths, root, samples = train_pool(folder, seed=seed, progress=progress), Path(folder), images()[0]
    first = pretrain(SWEEP, root, samples, seed=seed)
    other = pretrain(SWEEP, root / "other-start", samples, seed=seed + 1)
    with progress.stage("fine-tuning of strays", len(STRAYS), "network") as advance:
        for i, (name, rate, belongs) in enumerate(STRAYS, start=len(paths)):
            start = first if belongs else other
            settings = Settings(learning_rate=rate, weight_decay=1e-2, epochs=10, part=0.5)
            path = root / f"run-{i:02d}-{name}.safetensors"
            record = SWEEP.record(settings, seed, run=i, pretrained=file_fingerprint(start)[:16])
            if not is_finished(path, record):
                publish(fine_tune(SWEEP, start, samples, settings, seed, i).state_dict(), path, record)
            paths.append(path)
            advance(1)
    return paths


def task(metric: str = "accuracy", holdback: float = 0.4, split_seed: int = 0) -> Task:
    """The task of the pool: the 1 297 images that trained nothing.

    Arguments:
        metric: the metric to select by.
        holdback: share of the images that selects nothing and is used for the report; 0.4 leaves 519 of them.
        split_seed: seed of that split.
    """
    data = images()[1].tensors()
    return Task(network, data, metric=metric, holdback=holdback, split_seed=split_seed)
