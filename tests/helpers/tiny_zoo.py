"""What the registry of pools hands out, on a pool that trains in no time."""

from dataclasses import dataclass
from pathlib import Path

import radin
from helpers import small
from radin.common.progress import SILENT, Progress

INGREDIENTS = 6


@dataclass(frozen=True)
class TinyZoo:
    """A pool in a folder of its own: 240 samples select, 60 are a test set."""

    root: Path
    name: str = "tiny"
    summary: str = "for the tests"

    def folder(self) -> Path:
        """Where the checkpoints lie."""
        return self.root

    def build(self, progress: Progress = SILENT) -> list[Path]:
        """Trains them unless they are there."""
        return sorted(self.root.glob("*.safetensors")) or small.make_pool(self.root, INGREDIENTS)

    def task(self) -> radin.Task:
        """What they are run on."""
        return small.task(samples=240, test=small.clouds(60, seed=9))
