"""Logits of all ingredients and nothing else: the first step of a run on its own."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radin.common.progress import SILENT, Progress
from radin.evaluation.verifier import Verifier
from radin.evaluation.workers import Workers
from radin.scoring.logit_bank import LogitBank
from radin.tasks.task import Task
from radin.weights.pool import Pool


@dataclass(frozen=True)
class Collected:
    """The logits of every ingredient of a pool.

    Attributes:
        folder: holds one `.npy` file an ingredient and `labels.npy`; `LogitBank.from_folder` opens it.
        bank: the logits on the samples that select.
        passes: ingredient passes that were made for this run folder, over all calls.
    """

    folder: Path
    bank: LogitBank
    passes: int

    def to_json(self) -> dict[str, Any]:
        """Folder and passes, as JSON holds them."""
        return {"logits": str(self.folder), "passes": self.passes}


def collect_logits(
    pool: Pool,
    task: Task,
    *,
    run_dir: str | os.PathLike[str] = "radin-run",
    workers: int | str | Workers | None = None,
    progress: Progress = SILENT,
) -> Collected:
    """Runs the ingredients that have no logits in the run folder yet. No soup is built.

    Arguments:
        pool: the ingredients.
        task: the network and the data that they are run on.
        run_dir: the run folder; `radin.make_soup` goes on from there, with nothing to run twice.
        workers: processes that run the networks, as for `radin.make_soup`.
        progress: watches the passes.

    Raises:
        RunDirError: another process uses the run folder, or it was made with other inputs.
        IncompatibleError, DataError, TaskError: see `radin.Verifier`.
        StorageError: the disk is full; what was completed is kept.
    """
    with Verifier(pool, task, run_dir, workers=Workers.of(workers), progress=progress) as verifier:
        return Collected(Path(run_dir) / "logits", verifier.bank, verifier.ledger.count("pass"))
