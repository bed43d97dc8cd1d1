"""Logits of ingredients and soups on a task's rows: evaluated once, charged once, kept in the run folder."""

from __future__ import annotations

from contextlib import AbstractContextManager, closing
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float32

from radin.common.progress import SILENT, Advance, Progress
from radin.errors import DataError
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.batchnorm import (
    check_sizes,
    keeps_statistics,
    recompute_statistics,
    statistics_of,
    statistics_rows,
)
from radin.evaluation.evaluation import Evaluation, Statistics
from radin.evaluation.inputs import Inputs, fingerprints_of, task_inputs
from radin.evaluation.keys import Keys
from radin.evaluation.loading import Networks, tolerance
from radin.evaluation.run_folder import RunFolder
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank, check_labels, check_logits
from radin.searching.budget import Kind
from radin.tasks.data import Rows, check_classes
from radin.tasks.task import Task
from radin.weights.merge_plan import check_policy, has_statistics
from radin.weights.pool import Pool


class Evaluator:
    """Runs ingredients and soups of a pool on a task, each at most once, and keeps their logits in the run folder.

    The engine of `radin.Verifier`, which alone uses it, beside `radin.plan`.

    Arguments:
        pool: the ingredients.
        task: what they are run on.
        folder: holds logits and statistics, and is charged with every evaluation.
        batchnorm: policy for BatchNorm statistics of soups, see `radin.make_soup`.
        progress: watches the passes.
    """

    def __init__(
        self, pool: Pool, task: Task, folder: RunFolder, *, batchnorm: str = "recompute", progress: Progress = SILENT
    ) -> None:
        check_policy(batchnorm)
        self.pool, self.task, self.folder, self.progress = pool, task, folder, progress
        self.batchnorm = batchnorm if has_statistics(pool) else "average"  # one name for what makes no difference
        self._batch = BatchSize(task.batch_size, folder)
        self.networks = Networks(task, pool, batchnorm=self.batchnorm, batch=self._batch, ledger=folder.ledger)

    @property
    def batch_size(self) -> int:
        """Samples per forward pass, at most those of the task."""
        return self._batch.value

    @cached_property
    def keys(self) -> Keys:
        """Makes the keys of this pool, task and policy."""
        return Keys(self.task, self.fingerprints, self.batchnorm)

    @cached_property
    def fingerprints(self) -> tuple[str, ...]:
        """A fingerprint of every ingredient, in pool order."""
        return fingerprints_of(self.pool, self.folder, self.progress)

    @property
    def recomputes(self) -> bool:
        """Whether soups get statistics of their own, so that they are fairly compared with controls only."""
        return self.batchnorm == "recompute" and keeps_statistics(self.networks.network)

    def evaluation(self, recipe: Recipe, *, statistics: Statistics = "own", test: str | None = None) -> Evaluation:
        """The evaluation of a recipe under the run's policy: soups have recomputed statistics where that is the policy.

        Arguments:
            recipe: over the pool.
            statistics: `recomputed` gives an ingredient statistics like a soup's, wherever soups have such.
            test: the name of a test set; None for the task's data.
        """
        recomputed = self.recomputes and (statistics == "recomputed" or recipe.size > 1)
        return Evaluation(recipe, "recomputed" if recomputed else "own", test)

    def key(self, evaluation: Evaluation) -> str:
        """Fingerprint of everything that the logits of an evaluation depend on."""
        return self.keys.logits(evaluation, self.batch_size)

    def collect(self) -> LogitBank:
        """The logits of all ingredients on all rows of the task's data; one pass for each that is not on disk.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: logits that are not finite, labels out of range, classes in another order than the checkpoints',
                or stored logits that no longer match what the network gives. All passes completed so far are kept.
        """
        rows = self.task.rows
        _ = self.networks.network  # before the folder is tied to these inputs: one that does not fit leaves it as it is
        self.folder.settle()  # what was completed decides whether the folder takes other inputs
        self.bind()
        if self.recomputes:
            check_sizes(self.task)
            self.networks.by_pool_names(statistics_of(self.networks.network))
        self.networks.prove()
        singles = [self.evaluation(Recipe.subset(self.pool.names, [i])) for i in range(len(self.pool))]
        stored = [self._stored(single) for single in singles]
        known = next((i for i, logits in enumerate(stored) if logits is not None), None)
        if known is not None:
            self._check_unchanged(singles[known].recipe, stored[known])
        self.folder.write_labels(rows.labels, self.task.split[0])
        self.folder.record_split(self.task.holdback, self.task.split_seed)
        with self.progress.stage("ingredients", sum(one is None for one in stored) * len(rows), "sample") as advance:
            arrays = [self.logits(single, advance=advance) for single in singles]
        return LogitBank(self.pool.names, arrays, rows.labels)

    def bind(self) -> None:
        """Ties the folder to pool, data and task code, or refuses it for being another run's.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: data that would select and report, or a test set given twice.
        """
        check_classes(self.pool.class_names, self.task.rows, self.task.tests)
        self._survey()
        ingredients = dict(zip(self.pool.names, self.fingerprints, strict=True))
        settings = {**self.task.settings, **self.pool.settings}
        self.folder.bind(Inputs(task=task_inputs(self.task), ingredients=ingredients, settings=settings))

    def _survey(self) -> None:
        """Reads the contents of images, unless the folder knows them, and finds those that cannot be read."""
        memory = self.folder.data_fingerprints
        known = len(memory)
        for rows in (self.task.rows, *self.task.tests.values()):
            rows.survey(memory, self.progress)
        if len(memory) > known:
            self.folder.data_fingerprints = memory

    def logits(self, evaluation: Evaluation, *, advance: Advance | None = None) -> Float32[np.ndarray, "M C"]:
        """Logits of an evaluation, from disk if it was done before, else from a charged forward pass.

        Arguments:
            evaluation: what is run.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
        """
        key, stored = self.key(evaluation), self._stored(evaluation)
        if stored is not None:
            return stored
        self.networks.prove()  # before anything is charged: a network that does not fit costs nothing
        rows = self._rows(evaluation)
        with self._charge(evaluation.kind, key, str(evaluation.recipe), len(rows)):
            self.fill(evaluation)
            if advance is not None:
                self._run(evaluation, key, rows, advance)
            else:
                with self.progress.stage(str(evaluation), len(rows), "sample") as own:
                    self._run(evaluation, key, rows, own)
        if self.key(evaluation) != key:  # memory ran out on the way, and statistics are those of smaller batches now
            return self.logits(evaluation, advance=advance)
        stored = self._stored(evaluation)
        assert stored is not None  # written just now
        return stored

    def is_stored(self, evaluation: Evaluation) -> bool:
        """Whether the logits of an evaluation are on disk, and whole."""
        return self._stored(evaluation) is not None

    def _stored(self, evaluation: Evaluation) -> Float32[np.ndarray, "M C"] | None:
        key = self.key(evaluation)
        return self.folder.place_of(evaluation).get(evaluation.stored_as(key), key)

    def fill(self, evaluation: Evaluation) -> torch.nn.Module:
        """The task's one network, with the weights and the statistics of an evaluation."""
        network = self.networks.filled(evaluation.recipe)
        return network if evaluation.statistics == "own" else self._recompute(evaluation, network)

    def _recompute(self, evaluation: Evaluation, network: torch.nn.Module) -> torch.nn.Module:
        key, label = self.keys.statistics(evaluation, self.batch_size), str(evaluation.recipe)
        known = self.folder.statistics.get_several(key, key)
        if known is None:
            with self._charge("statistics", key, label, len(statistics_rows(self.task))):
                self._batch.halving(label, lambda size: recompute_statistics(network, self.task, size))
                known = statistics_of(network)
                key = self.keys.statistics(evaluation, self.batch_size)  # of smaller batches, if memory ran out
                self.folder.statistics.store_several(key, key, known)
        return self.networks.with_statistics(evaluation.recipe, known)

    def recomputed(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """BatchNorm statistics that a soup has beside the average of its members; empty unless they are recomputed."""
        evaluation = self.evaluation(recipe)
        if evaluation.statistics == "own":
            return {}
        key = self.keys.statistics(evaluation, self.batch_size)
        known = self.folder.statistics.get_several(key, key)
        if known is None:
            known = statistics_of(self.fill(evaluation))
        return self.networks.by_pool_names(known)

    def first_batch(self) -> Float32[np.ndarray, "b C"]:
        """Logits of the network, as it is filled now, on the first batch of the data; charged nowhere."""

        def run(size: int) -> Float32[np.ndarray, "b C"]:
            with closing(self.task.logits(self.networks.network, self.task.rows, size)) as batches:
                return next(batches)

        return self._batch.halving("the first batch", run)

    def _rows(self, evaluation: Evaluation) -> Rows:
        return self.task.rows if evaluation.test is None else self.task.tests[evaluation.test]

    def _charge(self, kind: Kind, key: str, label: str, rows: int) -> AbstractContextManager[None]:
        """A charge of the ledger's. An evaluation that was done before is here again since its result was damaged."""
        if self.folder.ledger.lose(kind, key):
            self.folder.note(
                f"the stored result of {label} ({kind}) was damaged, deleted or replaced, and is computed again"
            )
        return self.folder.ledger.charge(kind, key, label, rows)

    def _run(self, evaluation: Evaluation, key: str, rows: Rows, advance: Advance) -> None:
        """One pass over the rows, written as it goes; a pass that runs out of memory is started over."""
        folder, name, recipe = self.folder.place_of(evaluation), evaluation.stored_as(key), evaluation.recipe

        def run(size: int) -> None:
            done = 0
            try:
                with folder.writing(name, key, len(rows), {"recipe": recipe.to_json()}) as append:
                    for batch in self.task.logits(self.networks.network, rows, size):
                        check_labels(rows.labels[done : done + len(batch)], batch.shape[1], name)
                        self.task.scored_by.check_classes(batch.shape[1])
                        check_logits(batch, name, len(batch), batch.shape[1])
                        append(batch)
                        done += len(batch)
                        advance(len(batch))
            except Exception:
                advance(-done)
                raise

        self._batch.halving(name, run)

    def _check_unchanged(self, recipe: Recipe, stored: Float32[np.ndarray, "M C"] | None) -> None:
        """Runs the first batch of a stored ingredient again: what its key cannot see may have changed all the same."""
        assert stored is not None
        self.fill(self.evaluation(recipe))
        fresh = self.first_batch()
        expected = stored[: len(fresh)]
        scale = max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(fresh - expected).max()) if fresh.shape == expected.shape else np.inf
        if not difference <= tolerance(self.networks.network, self.task) * scale:
            raise DataError(
                f"{recipe}: the logits stored in {self.folder.logits.folder} differ by {difference:.3g} from what the "
                "network gives now, for the same checkpoint, data and task code. Either the network is not "
                "deterministic, or it reads something else that changed; then use another run folder"
            )
