"""The logits of evaluations in a run folder: their keys, and the rows that are there."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
from jaxtyping import Float32, Int64

from radin.evaluation.batch_size import BatchSize
from radin.evaluation.evaluation import Evaluation
from radin.evaluation.keys import Keys
from radin.evaluation.known_rows import KnownRows, Part
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.stored_logits import StoredLogits
from radin.tasks.data import Rows
from radin.tasks.task import Task


class Archive:
    """Finds the logits of evaluations in a run folder; runs and charges nothing.

    Arguments:
        task: what networks are run on.
        folder: holds the logits.
        make_keys: makes the keys; called when the first one is needed, since it reads the ingredients' files.
        batch: the batch size, which recomputed statistics depend on.
    """

    def __init__(self, task: Task, folder: RunFolder, make_keys: Callable[[], Keys], batch: BatchSize) -> None:
        self._task, self._folder, self._make_keys, self._batch = task, folder, make_keys, batch

    @cached_property
    def keys(self) -> Keys:
        """Makes the keys of this pool, task and policy."""
        return self._make_keys()

    @cached_property
    def kept(self) -> StoredLogits:
        """The arrays on the selecting rows, and the parts beside them."""
        return StoredLogits(self._folder.partial, len(self._task.rows), self._task.split[0])

    def key(self, evaluation: Evaluation) -> str:
        """Fingerprint of everything that the logits of an evaluation depend on."""
        return self.keys.logits(evaluation, self._batch.value)

    def missing(self, evaluation: Evaluation) -> Int64[np.ndarray, " s"]:
        """The selecting rows, or those of a test set, whose logits are not on disk."""
        return self.known(evaluation).missing(self._wanted(evaluation))

    def _wanted(self, evaluation: Evaluation) -> Int64[np.ndarray, " m"]:
        return self._task.split[0] if evaluation.test is None else np.arange(len(self.rows_of(evaluation)))

    def known(self, evaluation: Evaluation) -> KnownRows:
        """The rows on which logits of an evaluation are on disk."""
        key = self.key(evaluation)
        name, place = evaluation.stored_as(key), self._folder.place_of(evaluation)
        if evaluation.test is None:
            return self.kept.known(place, name, key)
        stored, n_rows = place.get(name, key), len(self.rows_of(evaluation))
        return KnownRows(n_rows, [] if stored is None else [Part(np.arange(n_rows), stored)])

    def is_stored(self, evaluation: Evaluation) -> bool:
        """Whether the logits of an evaluation on the selecting rows, or on a test set, are on disk."""
        return not len(self.missing(evaluation))

    def is_in_bank(self, single: Evaluation) -> bool:
        """Whether the folder of logits has an array of an ingredient with the selecting rows."""
        about = self._folder.logits.about(single.stored_as(self.key(single)))
        return about is not None and about["key"] in self.keys_of(single)

    def keys_of(self, evaluation: Evaluation) -> set[str]:
        """Keys that an evaluation may have been charged under: now, and by a version that ran all rows."""
        return {self.key(evaluation), self.stored_key(evaluation)}

    def stored_key(self, evaluation: Evaluation) -> str:
        """Key of an evaluation's array: that on the selecting rows, or on a test set."""
        key = self.key(evaluation)
        return key if evaluation.test is not None else self.kept.key(key)

    def read(self, evaluation: Evaluation) -> Float32[np.ndarray, "m ..."] | None:
        """Logits on the selecting rows, or on a test set, as one array; None where there is none."""
        key = self.key(evaluation)
        return self._folder.place_of(evaluation).get(evaluation.stored_as(key), self.stored_key(evaluation))

    def has_statistics(self, evaluation: Evaluation) -> bool:
        """Whether the folder has held the recomputed statistics of an evaluation's network, damaged since or not."""
        statistics = self._folder.statistics
        return (
            statistics.is_damaged or statistics.about(self.keys.statistics(evaluation, self._batch.value)) is not None
        )

    def rows_of(self, evaluation: Evaluation) -> Rows:
        """The data that an evaluation is on."""
        return self._task.rows if evaluation.test is None else self._task.tests[evaluation.test]
