"""The pool *digits*: the one that `radin demo` trains, under a minute."""

from __future__ import annotations

from pathlib import Path

from radin.common.progress import SILENT, Progress
from radin.demo.digits import task, train_pool

__all__ = ["build", "task"]


def build(out: Path, n: int = 13, *, seed: int = 0, progress: Progress = SILENT) -> list[Path]:
    """Trains the pool, or the missing part of it; see `radin.demo.digits`."""
    return train_pool(out, n, seed, progress)
