"""Pools that train in no time, as the registry of pools hands them out."""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import load_file

import radin
from helpers import small
from radin.common.progress import SILENT, Progress
from radin.demo.sweep import METADATA_KEY, Sweep

INGREDIENTS = 6


@dataclass(frozen=True)
class TinyZoo:
    """A pool in a folder of its own: 240 samples select, 60 are a test set."""

    root: Path
    name: str = "tiny"
    summary: str = "for the tests"

    def folder(self) -> Path:
        """The folder of the checkpoints."""
        return self.root

    def build(self, progress: Progress = SILENT) -> list[Path]:
        """Trains them unless they are there."""
        return sorted(self.root.glob("*.safetensors")) or small.make_pool(self.root, INGREDIENTS)

    def task(self) -> radin.Task:
        """The task of the pool."""
        return small.task(samples=240, test=small.clouds(60, seed=9))


def tiny_digits(sweep: Sweep) -> Sweep:
    """A sweep on the digits with few epochs."""
    short = replace(sweep.pretraining, epochs=5)
    return replace(sweep, pretraining=short, ranges=replace(sweep.ranges, epochs=(1, 2)))


def accuracy_of_file(task: radin.Task, path: Path) -> float:
    """Accuracy of one checkpoint on a task's tensors."""
    network = task.build_model()
    network.load_state_dict(load_file(path))
    inputs, labels = task.data
    return float((network(inputs).argmax(1) == labels).double().mean())


def settings_of(path: Path) -> dict[str, Any]:
    """The record of training in a checkpoint's metadata."""
    with safe_open(path, framework="numpy") as file:
        record: dict[str, Any] = json.loads(file.metadata()[METADATA_KEY])
    return record
