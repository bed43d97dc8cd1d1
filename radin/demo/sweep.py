"""A small fine-tuning sweep: many fine-tunings of one pretrained network, each a complete file or no file.

The pools of the demo and of the benchmarks are made by sweeps. Training is on the CPU, with one thread for each
network, so a pool depends only on its seed, its data and the installed versions.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save
from torch import Tensor, nn

from radin.common.files import file_fingerprint, written_aside
from radin.common.progress import SILENT, Progress
from radin.demo.training import Samples, Settings, call, train
from radin.errors import InputError

#: Key of a file's metadata for the record of its training.
METADATA_KEY = "sweep"

#: Key of a file's metadata for the class names, in the order of the outputs; `radin.Pool` reads it.
CLASSES_KEY = "classes"


@dataclass(frozen=True)
class Ranges:
    """Ranges of hyperparameters: pairs `(low, high)` are log-uniform, the others are lists of values."""

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
        name: name of the pool; written into every file.
        build_network: returns the network; defined at module level, so that other processes can import it.
        pretraining: settings of the one shared training run; None where the fine-tunings start from given weights.
        ranges: ranges of the fine-tunings' settings.
        batch_size: samples in a step.
        forward: `(network, inputs) -> logits`; defined at module level, too.
        classes: names of the classes, in the order of the outputs; written into every fine-tuned file.
    """

    name: str
    build_network: Callable[[], nn.Module]
    pretraining: Settings | None
    ranges: Ranges
    batch_size: int
    forward: Callable[[nn.Module, Any], Tensor] = call
    classes: tuple[str, ...] = ()

    def train(self, network: nn.Module, samples: Samples, settings: Settings, rng: np.random.Generator) -> None:
        """Trains a network in place, as this sweep does."""
        train(network, samples, settings, batch_size=self.batch_size, rng=rng, forward=self.forward)

    def record(self, settings: Settings | None, seed: int, **more: Any) -> str:
        """The record of a training run for a file's metadata, as JSON."""
        about = {"pool": self.name, "seed": seed, "batch_size": self.batch_size, **more}
        return json.dumps(about | {"settings": settings and asdict(settings)})


def train_pool(
    sweep: Sweep,
    folder: Path,
    samples: Samples,
    n: int,
    *,
    seed: int = 0,
    jobs: int = 1,
    initial: Path | None = None,
    progress: Progress = SILENT,
) -> list[Path]:
    """Trains the missing ones of `n` fine-tunings and returns all files, `run-00.safetensors` and so on.

    A file is left alone if it is complete and its metadata names the same settings, seed, data and pretraining. The
    pretrained network is `pretrained/pretrained.safetensors`, which a glob over the folder's files does not match.

    Arguments:
        sweep: pretraining and ranges of the fine-tunings.
        folder: the folder of the files; made if it is not there.
        samples: training data.
        n: number of fine-tunings; those of a smaller `n` are the first of a larger one.
        seed: seed of initialisation, hyperparameters, order of data and augmentation.
        jobs: fine-tunings at a time, each a process with one thread; the files do not depend on it.
        initial: weights that pretraining starts from, a file of safetensors; random ones by default.
        progress: receives the number of finished epochs.

    Raises:
        InputError: `n` or `jobs` below 1.
        StorageError: a file could not be written.
    """
    if n < 1 or jobs < 1:
        raise InputError(f"expected at least 1 model and 1 job, got n={n} and jobs={jobs}")
    start = pretrain(sweep, folder, samples, seed=seed, initial=initial, progress=progress)
    origin = file_fingerprint(start)[:16]
    runs = [_Run(sweep, sweep.ranges.draw(_rng(seed, 1, i)), seed, i, start, origin, folder) for i in range(n)]
    missing = [run for run in runs if not run.finished]
    if missing:
        with progress.stage("fine-tuning", sum(run.settings.epochs for run in missing), "epoch") as advance:
            for run in _carry_out(missing, samples, jobs):
                advance(run.settings.epochs)
    return [run.path for run in runs]


def pretrain(
    sweep: Sweep,
    folder: Path,
    samples: Samples,
    *,
    seed: int = 0,
    initial: Path | None = None,
    progress: Progress = SILENT,
) -> Path:
    """The file of the network that a pool's fine-tunings start from, trained if it is missing; see `train_pool`."""
    path = folder / "pretrained" / "pretrained.safetensors"
    origin = {} if initial is None else {"initial": file_fingerprint(initial)[:16]}
    record = sweep.record(sweep.pretraining, seed, data=samples.fingerprint(), **origin)
    if is_finished(path, record):
        return path
    with untouched_torch_state(seed):
        network = sweep.build_network()
        if initial is not None:
            network.load_state_dict(load_file(initial))
        if sweep.pretraining is not None:
            with progress.stage("pretraining", sweep.pretraining.epochs, "epoch") as advance:
                sweep.train(network, samples, sweep.pretraining, _rng(seed, 0))
                advance(sweep.pretraining.epochs)
    publish(network.state_dict(), path, record)
    return path


def fine_tune(sweep: Sweep, start: Path, samples: Samples, settings: Settings, seed: int, index: int) -> nn.Module:
    """The network after one fine-tuning from the weights in a file; `index` seeds the order of its samples."""
    with untouched_torch_state(seed):
        network = sweep.build_network()
        network.load_state_dict(load_file(start))
        sweep.train(network, samples, settings, _rng(seed, 2, index))
    return network


@dataclass(frozen=True)
class _Run:
    """One fine-tuning: all that another process needs to run it, except the samples."""

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
        return self.sweep.record(self.settings, self.seed, run=self.index, pretrained=self.origin)

    @property
    def finished(self) -> bool:
        return is_finished(self.path, self.record)

    def carry_out(self, samples: Samples) -> _Run:
        network = fine_tune(self.sweep, self.start, samples, self.settings, self.seed, self.index)
        publish(network.state_dict(), self.path, self.record, self.sweep.classes)
        return self


def _carry_out(runs: list[_Run], samples: Samples, jobs: int) -> Iterator[_Run]:
    if min(jobs, len(runs)) == 1:
        yield from (run.carry_out(samples) for run in runs)
        return
    # Spawned, not forked: a fork of a process in which torch has started its threads may hang.
    with ProcessPoolExecutor(min(jobs, len(runs)), get_context("spawn")) as pool:
        try:
            for future in as_completed([pool.submit(_Run.carry_out, run, samples) for run in runs]):
                yield future.result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def publish(state: Mapping[str, Tensor], path: Path, record: str, classes: tuple[str, ...] = ()) -> None:
    """Writes tensors with their record. The file is complete or absent.

    Arguments:
        state: the tensors.
        path: the file.
        record: see `Sweep.record`.
        classes: their names, in the order of the outputs, if there are any.

    Raises:
        StorageError: it could not be written, most often because the disk is full.
    """
    notes = {METADATA_KEY: record} | ({CLASSES_KEY: json.dumps(classes)} if classes else {})
    with written_aside(path) as file:
        file.write(_with_notes(save(dict(state)), notes))


def _with_notes(content: bytes, notes: Mapping[str, str]) -> bytes:
    """The bytes of a safetensors file with metadata in this order. The library's own order differs in every process."""
    end = 8 + int.from_bytes(content[:8], "little")
    header = json.dumps({"__metadata__": notes} | json.loads(content[8:end]), separators=(",", ":")).encode()
    header += b" " * (-len(header) % 8)  # tensors are to begin at a multiple of 8 bytes
    return len(header).to_bytes(8, "little") + header + content[end:]


def is_finished(path: Path, record: str) -> bool:
    """Whether a file exists, is complete, and has this record of its training."""
    try:
        with safe_open(path, framework="numpy") as file:
            return (file.metadata() or {}).get(METADATA_KEY) == record
    except (OSError, SafetensorError):
        return False


def _rng(*seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@contextmanager
def untouched_torch_state(seed: int) -> Iterator[None]:
    """Seeds torch and sets one thread inside the block; restores both after it."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(threads)
