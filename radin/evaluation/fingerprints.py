"""Reads the inputs of a run once: fingerprints of checkpoints and images, remembered in the run folder."""

from __future__ import annotations

from itertools import pairwise

from radin.common.error_list import Complaints
from radin.common.progress import Progress
from radin.errors import IncompatibleError
from radin.evaluation.run_folder import RunFolder
from radin.tasks.task import Task
from radin.weights.pool import Pool
from radin.weights.survey import check_averageable, surveyed


def fingerprints_of(pool: Pool, folder: RunFolder, progress: Progress) -> tuple[str, ...]:
    """A fingerprint of every ingredient, in pool order: SHA-256 of its file, or of its shards and what is used of them.

    Files that are read for it are searched for NaN as well. The run folder remembers both.

    Raises:
        CheckpointError: NaN in some of them; names all.
        IncompatibleError: two files with the same contents, or ingredients that cannot be averaged.
    """
    memory = folder.fingerprints
    complaints = Complaints("checkpoints")
    with progress.stage("reading checkpoints", len(pool), "file") as advance:
        found, surveys = [], []
        for i in range(len(pool)):
            found.append(pool.fingerprint(i, memory))
            surveys.append(surveyed(pool, i, found[-1], memory))
            advance(1)
    folder.fingerprints = memory  # also of sound files beside others: they need not be read again
    for (one, i), (other, j) in pairwise(sorted((fingerprint, i) for i, fingerprint in enumerate(found))):
        if one == other:
            raise IncompatibleError(
                f"{pool.paths[i]} and {pool.paths[j]} have the same contents: one model given twice "
                "would count double in every soup; leave one out"
            )
    check_averageable(pool, surveys, complaints)
    complaints.settle()
    return tuple(found)


def survey_data(task: Task, folder: RunFolder, progress: Progress) -> None:
    """Reads the contents of a task's images, unless the folder knows them, and finds those that cannot be read."""
    memory = folder.data_fingerprints
    known = len(memory)
    for rows in (task.rows, *task.tests.values()):
        rows.survey(memory, progress)
    if len(memory) > known:
        folder.data_fingerprints = memory
