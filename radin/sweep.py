"""A small fine-tuning sweep: many fine-tunings of one network from one pretraining, each a finished file or none.

This is how the pools are made on which radin shows and measures itself. It trains on the CPU, with one thread for each
network, so that a pool depends on nothing but its seed, its data and the versions in use.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float, Int64, UInt8
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from radin.errors import InputError, StorageError
from radin.progress import SILENT, Progress

#: Key of the file's metadata that says how a checkpoint was trained. A single key: the order of several is random.
METADATA_KEY = "sweep"

#: A fine-tuning warms up over this part of its steps and then follows a cosine down.
WARMUP = 0.1


@dataclass(frozen=True)
class Settings:
    """Hyperparameters of one training run.

    Arguments:
        learning_rate: the peak of AdamW's schedule.
        weight_decay: AdamW's, decoupled.
        epochs: passes over the images that the run sees.
        part: of the training images, drawn at random for this run, as in cross-validation; 1 is all of them.
        final_rate: where the schedule ends, as a part of its peak; 0 is a whole cosine, 1 a constant rate.
        label_smoothing: probability mass spread over all classes.
        mixup: α of the Beta(α, α) that mixing ratios are drawn from; 0 mixes nothing.
        shift: images move by up to this many pixels in both directions, black coming in.
        flip: mirror half of the images, left to right.
        erase: probability of blackening a square with a third of the image's height.
        noise: standard deviation of Gaussian noise, in units of the brightest pixel.
    """

    learning_rate: float
    weight_decay: float
    epochs: int
    part: float = 1.0
    final_rate: float = 0.0
    label_smoothing: float = 0.0
    mixup: float = 0.0
    shift: int = 0
    flip: bool = False
    erase: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class Ranges:
    """Where each fine-tuning's hyperparameters are drawn from: `(low, high)` log-uniform, the others from a list."""

    learning_rate: tuple[float, float]
    weight_decay: tuple[float, float]
    epochs: tuple[int, ...]
    part: tuple[float, ...] = (1.0,)
    final_rate: tuple[float, ...] = (0.0,)
    label_smoothing: tuple[float, ...] = (0.0,)
    mixup: tuple[float, ...] = (0.0,)
    shift: tuple[int, ...] = (0,)
    flip: tuple[bool, ...] = (False,)
    erase: tuple[float, ...] = (0.0,)
    noise: tuple[float, ...] = (0.0,)

    def draw(self, rng: np.random.Generator) -> Settings:
        """Independent draws of every hyperparameter, as in a random sweep."""

        def log_uniform(low: float, high: float) -> float:
            return float(np.exp(rng.uniform(np.log(low), np.log(high))))

        def one_of(values: tuple[Any, ...]) -> Any:
            return values[int(rng.integers(len(values)))]

        return Settings(
            learning_rate=log_uniform(*self.learning_rate),
            weight_decay=log_uniform(*self.weight_decay),
            epochs=one_of(self.epochs),
            part=one_of(self.part),
            final_rate=one_of(self.final_rate),
            label_smoothing=one_of(self.label_smoothing),
            mixup=one_of(self.mixup),
            shift=one_of(self.shift),
            flip=one_of(self.flip),
            erase=one_of(self.erase),
            noise=one_of(self.noise),
        )


@dataclass(frozen=True)
class Sweep:
    """One pretraining and the fine-tunings that start from it.

    Arguments:
        name: of the pool; stands in every file.
        build_network: returns the network; at module level, so that other processes can import it.
        pretraining: settings of the one shared training run.
        ranges: what the fine-tunings' settings are drawn from.
        brightest: the pixel value that becomes 1.0.
        batch_size: images in a step.
    """

    name: str
    build_network: Callable[[], nn.Module]
    pretraining: Settings
    ranges: Ranges
    brightest: int
    batch_size: int


@dataclass(frozen=True)
class Images:
    """Labelled grey images: `uint8[m, h, w]` and `int64[m]`."""

    pixels: UInt8[np.ndarray, "m h w"]
    labels: Int64[np.ndarray, " m"]

    def digest(self) -> str:
        """A fingerprint of pixels and labels."""
        return hashlib.sha256(self.pixels.tobytes() + self.labels.tobytes()).hexdigest()[:16]

    def tensors(self, brightest: int) -> tuple[Float[Tensor, "m 1 h w"], Int64[Tensor, " m"]]:
        """Images in [0, 1] with their one channel, and labels, as a task takes them."""
        return torch.from_numpy(self.pixels).unsqueeze(1).float() / brightest, torch.from_numpy(self.labels)


def train_pool(
    sweep: Sweep, folder: Path, images: Images, n: int, *, seed: int = 0, jobs: int = 1, progress: Progress = SILENT
) -> list[Path]:
    """Trains whatever is missing of `n` fine-tunings and returns their files, `run-00.safetensors` and on.

    A file is left alone if it is complete and its metadata names the same settings, seed, data and pretraining. The
    pretrained network is `pretrained/pretrained.safetensors`, where a glob over the folder's files does not meet it.

    Arguments:
        sweep: what is trained.
        folder: where the files go; made if need be.
        images: training data, `uint8[m, h, w]` with labels.
        n: fine-tunings; those of a smaller `n` are the first of a larger one.
        seed: of initialisation, hyperparameters, order of data and augmentation.
        jobs: fine-tunings at a time, each a process with one thread; the files do not depend on it.
        progress: is told of epochs.

    Raises:
        InputError: `n` or `jobs` below 1.
        StorageError: a file could not be written.
    """
    if n < 1 or jobs < 1:
        raise InputError(f"expected at least 1 model and 1 job, got n={n} and jobs={jobs}")
    start = folder / "pretrained" / "pretrained.safetensors"
    record = _record(sweep, sweep.pretraining, seed, data=images.digest())
    if not is_finished(start, record):
        with progress.stage("pretraining", sweep.pretraining.epochs, "epoch") as advance:
            with _untouched_torch_state(seed):
                network = sweep.build_network()
                _train(network, images, sweep, sweep.pretraining, _rng(seed, 0))
            publish(network, start, record)
            advance(sweep.pretraining.epochs)
    origin = hashlib.sha256(start.read_bytes()).hexdigest()[:16]
    runs = [_Run(sweep, sweep.ranges.draw(_rng(seed, 1, i)), seed, i, start, origin, folder) for i in range(n)]
    missing = [run for run in runs if not run.finished]
    if missing:
        with progress.stage("fine-tuning", sum(run.settings.epochs for run in missing), "epoch") as advance:
            for run in _carry_out(missing, images, jobs):
                advance(run.settings.epochs)
    return [run.path for run in runs]


@dataclass(frozen=True)
class _Run:
    """One fine-tuning: everything that another process needs to carry it out, but the images."""

    sweep: Sweep
    settings: Settings
    seed: int
    index: int
    start: Path
    origin: str
    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / f"run-{self.index:02d}.safetensors"

    @property
    def record(self) -> str:
        return _record(self.sweep, self.settings, self.seed, run=self.index, pretrained=self.origin)

    @property
    def finished(self) -> bool:
        return is_finished(self.path, self.record)

    def carry_out(self, images: Images) -> _Run:
        with _untouched_torch_state(self.seed):
            network = self.sweep.build_network()
            network.load_state_dict(load_file(self.start))
            _train(network, images, self.sweep, self.settings, _rng(self.seed, 2, self.index))
        publish(network, self.path, self.record)
        return self


def _carry_out(runs: list[_Run], images: Images, jobs: int) -> Iterator[_Run]:
    if min(jobs, len(runs)) == 1:
        yield from (run.carry_out(images) for run in runs)
        return
    # Spawned, not forked: a fork of a process in which torch has started its threads may hang.
    with ProcessPoolExecutor(min(jobs, len(runs)), get_context("spawn")) as pool:
        try:
            for future in as_completed([pool.submit(_Run.carry_out, run, images) for run in runs]):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def publish(network: nn.Module, path: Path, record: str) -> None:
    """Writes a network's tensors and its record aside, then renames: the file is complete or not there.

    Raises:
        StorageError: it could not be written, most often because the disk is full.
    """
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        save_file(network.state_dict(), aside, metadata={METADATA_KEY: record})
        aside.replace(path)
    except (OSError, SafetensorError) as error:
        raise StorageError(f"{path} could not be written: {error}; free some space and run the same again") from error
    finally:
        aside.unlink(missing_ok=True)


def is_finished(path: Path, record: str) -> bool:
    """Whether a file is there, complete, and trained as its `record` says."""
    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get(METADATA_KEY) == record
    except (OSError, SafetensorError):
        return False


def settings_of(path: Path) -> dict[str, Any]:
    """How a checkpoint of such a pool was trained, as its metadata says."""
    with safe_open(path, framework="numpy") as file:
        record: dict[str, Any] = json.loads(file.metadata()[METADATA_KEY])
    return record


def _record(sweep: Sweep, settings: Settings, seed: int, **more: Any) -> str:
    named = {"pool": sweep.name, "seed": seed, "batch_size": sweep.batch_size, **more}
    return json.dumps(named | {"settings": asdict(settings)})


def _rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@contextmanager
def _untouched_torch_state(seed: int) -> Iterator[None]:
    """Seeds torch and takes one thread inside; afterwards both are as before."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)


def _train(network: nn.Module, images: Images, sweep: Sweep, settings: Settings, rng: np.random.Generator) -> None:
    """Trains a network in place: AdamW, warm-up and cosine, mixup (Zhang et al., arXiv 1710.09412)."""
    seen = rng.permutation(len(images.labels))[: max(1, round(settings.part * len(images.labels)))]
    pixels, labels = images.pixels[seen], torch.from_numpy(images.labels[seen])
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay, fused=True
    )
    batches = -(-len(pixels) // sweep.batch_size)
    steps = settings.epochs * batches
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _rate(step / steps, settings.final_rate))
    network.train()
    for _ in range(settings.epochs):
        for rows in np.array_split(rng.permutation(len(pixels)), batches):
            inputs = torch.from_numpy(augment(pixels[rows] / np.float32(sweep.brightest), settings, rng)).unsqueeze(1)
            ratio, others = 1.0, rows
            if settings.mixup > 0:
                ratio, order = float(rng.beta(settings.mixup, settings.mixup)), rng.permutation(len(rows))
                inputs, others = ratio * inputs + (1 - ratio) * inputs[torch.from_numpy(order)], rows[order]
            logits = network(inputs)
            loss = ratio * cross_entropy(logits, labels[rows], label_smoothing=settings.label_smoothing)
            if ratio < 1:
                loss = loss + (1 - ratio) * cross_entropy(
                    logits, labels[others], label_smoothing=settings.label_smoothing
                )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()


def _rate(done: float, final: float) -> float:
    """The part of the peak learning rate when a part `done` of the steps is done."""
    if done < WARMUP:
        return (done + 0.01) / (WARMUP + 0.01)
    return final + (1 - final) * 0.5 * (1 + float(np.cos(np.pi * (done - WARMUP) / (1 - WARMUP))))


def augment(
    pixels: Float[np.ndarray, "m h w"], settings: Settings, rng: np.random.Generator
) -> Float[np.ndarray, "m h w"]:
    """Shifted, mirrored, partly erased and noisy copies of images in [0, 1], as the settings say."""
    m, h, w = pixels.shape
    image = np.arange(m)[:, None, None]
    row, column = np.arange(h)[None, :, None], np.arange(w)[None, None, :]
    if settings.flip:
        column = np.where(rng.random((m, 1, 1)) < 0.5, w - 1 - column, column)
    if settings.shift > 0:
        by = settings.shift
        padded = np.pad(pixels, ((0, 0), (by, by), (by, by)))
        moves = rng.integers(0, 2 * by + 1, (2, m, 1, 1))
        pixels = padded[image, row + moves[0], column + moves[1]]
    elif settings.flip:
        pixels = pixels[image, row, column]
    if settings.erase > 0:
        side = h // 3
        top, left = rng.integers(0, h - side + 1, (m, 1, 1)), rng.integers(0, w - side + 1, (m, 1, 1))
        row, column = np.arange(h)[None, :, None], np.arange(w)[None, None, :]
        square = (row >= top) & (row < top + side) & (column >= left) & (column < left + side)
        pixels = np.where(square & (rng.random((m, 1, 1)) < settings.erase), np.float32(0), pixels)
    if settings.noise > 0:
        pixels = pixels + np.float32(settings.noise) * rng.standard_normal(pixels.shape, dtype=np.float32)
    return pixels
