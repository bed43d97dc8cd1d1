"""Logits of ingredients and soups on a task's rows: evaluated once, charged once, kept in the run folder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32, Int64

from radin.common.progress import SILENT, Advance, Progress
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.batchnorm import (
    check_sizes,
    keeps_statistics,
    statistics_of,
    statistics_rows,
)
from radin.evaluation.evaluation import Evaluation, Statistics
from radin.evaluation.executor import Batches, Executor, InProcess, Pass, Started
from radin.evaluation.fingerprints import fingerprints_of, survey_data
from radin.evaluation.inputs import Inputs, task_inputs
from radin.evaluation.keys import Keys
from radin.evaluation.known_rows import KnownRows, Part, PartialLogits
from radin.evaluation.loading import Networks
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.unchanged import check_unchanged
from radin.evaluation.workers import Workers
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank, check_labels, check_logits
from radin.searching.budget import Kind
from radin.tasks.data import Rows, check_classes
from radin.tasks.task import Task
from radin.weights.merge_plan import check_policy, has_statistics
from radin.weights.pool import Pool

if TYPE_CHECKING:
    from radin.evaluation.on_ray.jobs import Job


class Evaluator:
    """Runs ingredients and soups of a pool on a task, each at most once, and keeps their logits in the run folder.

    The engine of `radin.Verifier`, which alone uses it, beside `radin.plan`.

    Arguments:
        pool: the ingredients.
        task: what they are run on.
        folder: holds logits and statistics, and is charged with every evaluation.
        batchnorm: policy for BatchNorm statistics of soups, see `radin.make_soup`.
        workers: other processes that run the networks; None runs them in this one.
        progress: watches the passes.
    """

    def __init__(
        self,
        pool: Pool,
        task: Task,
        folder: RunFolder,
        *,
        batchnorm: str = "recompute",
        workers: Workers | None = None,
        progress: Progress = SILENT,
    ) -> None:
        check_policy(batchnorm)
        self.pool, self.task, self.folder, self.progress = pool, task, folder, progress
        self.batchnorm = batchnorm if has_statistics(pool) else "average"  # one name for what makes no difference
        self._batch = BatchSize(task.batch_size, folder)
        self.networks = Networks(task, pool, batchnorm=self.batchnorm, batch=self._batch, facts=folder.ledger)
        self._local = InProcess(task, self.networks)
        self._workers = workers

    @property
    def batch_size(self) -> int:
        """Samples per forward pass, at most those of the task."""
        return self._batch.value

    @cached_property
    def executor(self) -> Executor:
        """Where passes run."""
        if self._workers is None:
            return self._local
        from radin.evaluation.on_ray.executor import OnRay

        return OnRay(
            self._workers,
            self.task,
            self.pool,
            batchnorm=self.batchnorm,
            in_place=self.networks.in_place,
            lost=self._lose_job,
        )

    def close(self) -> None:
        """Lets go of workers, if there are any."""
        if "executor" in vars(self):
            self.executor.close()

    def _lose_job(self, job: Job) -> None:
        """Records a part of a pass that died with its worker."""
        kind: Kind = "statistics" if job.what == "statistics" else job.work.kind
        self.folder.ledger.record_loss(kind, job.work.key, job.work.label, job.rows)

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
        return LogitBank(self.pool.names, self.in_full(self.open()), self.task.rows.labels)

    def in_full(self, singles: Sequence[Evaluation]) -> list[Float32[np.ndarray, "M C"]]:
        """The logits of some ingredients on all rows of the data."""
        missing = sum(len(self.known(single).missing()) for single in singles)
        with self.progress.stage("ingredients", missing, "sample") as advance:
            todo = [single for single in singles if not self.is_stored(single)]
            self._run_all([partial(self._begin, single, advance=advance) for single in todo])
            return [self.logits(single, advance=advance) for single in singles]

    def _run_all(self, evaluations: Sequence[Callable[[ExitStack], Callable[[], None]]]) -> None:
        """Runs evaluations in order, as many at once as the executor takes.

        Arguments:
            evaluations: each begins one: charges it until the stack is closed, starts its jobs, and returns what waits
                for them and stores the result.
        """
        with ExitStack() as undo:
            waiting: deque[tuple[ExitStack, Callable[[], None]]] = deque()

            def end() -> None:
                stack, finish = waiting.popleft()
                with stack:
                    finish()

            for begin in evaluations:
                stack = undo.enter_context(ExitStack())
                waiting.append((stack, begin(stack)))
                if len(waiting) >= self.executor.at_once:
                    end()
            while waiting:
                end()

    def open(self) -> list[Evaluation]:
        """Ties the folder to the inputs and checks what it holds; returns the ingredients' evaluations on the data.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: stored logits that no longer match what the network gives.
        """
        self.networks.build()  # before the folder is tied to these inputs: one that does not fit leaves it as it is
        self.folder.settle()  # what was completed decides whether the folder takes other inputs
        self.bind()
        if self.recomputes:
            check_sizes(self.task)
            self.networks.by_pool_names(statistics_of(self.networks.network))
        self.networks.prove()
        singles = self.singles()
        stored = next((single for single in singles if self.known(single).parts), None)
        if stored is not None:
            self._check_stored(stored)
        self.folder.write_labels(self.task.rows.labels, self.task.split[0])
        self.folder.record_split(self.task.holdback, self.task.split_seed)
        return singles

    def _check_stored(self, single: Evaluation) -> None:
        """Runs the first stored rows of an ingredient again, and compares."""
        known, whole = self.known(single), self.is_stored(single)
        rows = np.arange(known.n_rows) if whole else np.sort(known.parts[-1].rows)
        network = self.fill(single)
        fresh = self.first_batch(None if whole else rows)
        expected = known.read(rows[: len(fresh)])
        folder = self.folder.path
        check_unchanged(single.recipe, expected, fresh, network=network, task=self.task, folder=folder)

    def singles(self) -> list[Evaluation]:
        """The ingredients' evaluations on the data, in pool order."""
        names = self.pool.names
        return [self.evaluation(Recipe.subset(names, [i])) for i in range(len(names))]

    def bind(self) -> None:
        """Ties the folder to pool, data and task code, or refuses it for being another run's.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: data that would select and report, or a test set given twice.
        """
        check_classes(self.pool.class_names, self.task.rows, self.task.tests)
        survey_data(self.task, self.folder, self.progress)
        ingredients = dict(zip(self.pool.names, self.fingerprints, strict=True))
        settings = {**self.task.settings, **self.pool.settings}
        self.folder.bind(Inputs(task=task_inputs(self.task), ingredients=ingredients, settings=settings))

    def logits(self, evaluation: Evaluation, *, advance: Advance | None = None) -> Float32[np.ndarray, "M C"]:
        """Logits of an evaluation, from disk if it was done before, else from a charged forward pass.

        Arguments:
            evaluation: what is run.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
        """
        key, stored = self.key(evaluation), self._stored(evaluation)
        if stored is not None:
            return stored
        self._run_all([partial(self._begin, evaluation, advance=advance)])
        if self.key(evaluation) != key:  # memory ran out on the way, and statistics are those of smaller batches now
            return self.logits(evaluation, advance=advance)
        stored = self._stored(evaluation)
        assert stored is not None  # written just now
        return stored

    def _begin(self, evaluation: Evaluation, charged: ExitStack, advance: Advance | None = None) -> Callable[[], None]:
        """Charges an evaluation and starts its pass; what is returned waits for the logits and stores them.

        Arguments:
            evaluation: what is run; its logits are not on disk.
            charged: closes the charge, as done or as lost.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
        """
        self.networks.prove()  # before anything is charged: a network that does not fit costs nothing
        key, known = self.key(evaluation), self.known(evaluation)
        charged.enter_context(self._charge(evaluation.kind, key, str(evaluation.recipe), len(known.missing())))
        if advance is None:
            stage = self.progress.stage(str(evaluation), len(known.missing()), "sample")
            advance = charged.enter_context(stage)
        started = self._start(evaluation, known.missing() if known.parts else None)
        return partial(self._store, evaluation, key, known, started, advance)

    def known(self, evaluation: Evaluation) -> KnownRows:
        """The rows on which logits of an evaluation are on disk: of an ingredient on the data, also a part of them."""
        n_rows, stored = len(self._rows(evaluation)), self._stored(evaluation)
        if stored is not None:
            return KnownRows(n_rows, [Part(np.arange(n_rows), stored)])
        if evaluation.kind == "pass" and self.task.rows.can_choose:
            return KnownRows(n_rows, PartialLogits(self.folder.partial).of(self.key(evaluation)))
        return KnownRows(n_rows)

    def beginning(
        self, single: Evaluation, rows: Int64[np.ndarray, " k"], advance: Advance
    ) -> Float32[np.ndarray, "k C"]:
        """Logits of an ingredient on some rows of the data; only rows that were not run before are run, and charged.

        Arguments:
            single: its evaluation on the data.
            rows: places of the rows, in the order in which their logits are wanted.
            advance: told the samples that are done.
        """
        return self.beginnings([single], rows, advance)[0]

    def beginnings(
        self, singles: Sequence[Evaluation], rows: Int64[np.ndarray, " k"], advance: Advance
    ) -> list[Float32[np.ndarray, "k C"]]:
        """The same for several ingredients."""
        todo = [single for single in singles if len(self.known(single).missing(rows))]
        self._run_all([partial(self._begin_part, single, rows, advance) for single in todo])
        return [self.known(single).read(rows) for single in singles]

    def _begin_part(
        self, single: Evaluation, rows: Int64[np.ndarray, " k"], advance: Advance, charged: ExitStack
    ) -> Callable[[], None]:
        """Charges the rows of an ingredient that are missing, and starts their pass; what is returned stores them."""
        known, key = self.known(single), self.key(single)
        parts, missing = PartialLogits(self.folder.partial), known.missing(rows)
        charged.enter_context(self._charge("stage", parts.key(key, rows), str(single.recipe), len(missing)))
        started = self._start(single, missing, "stage")

        def finish() -> None:
            name = single.stored_as(key)
            fresh = self._batch.halving(
                name, lambda size: np.concatenate(list(self._checked(started.batches(size), single, missing, advance)))
            )
            grown = KnownRows(known.n_rows, [*known.parts, Part(missing, fresh)])
            parts.store(name, key, Part(rows, grown.read(rows)))

        return finish

    def is_stored(self, evaluation: Evaluation) -> bool:
        """Whether the logits of an evaluation are on disk, and whole."""
        return self._stored(evaluation) is not None

    def _stored(self, evaluation: Evaluation) -> Float32[np.ndarray, "M C"] | None:
        key = self.key(evaluation)
        return self.folder.place_of(evaluation).get(evaluation.stored_as(key), key)

    def fill(self, evaluation: Evaluation) -> torch.nn.Module:
        """This process's network, with the weights and the statistics of an evaluation."""
        return self._local.network(self._pass(evaluation))

    def _start(self, evaluation: Evaluation, only: Int64[np.ndarray, " s"] | None, kind: Kind | None = None) -> Started:
        """Starts the pass of an evaluation over some rows, or over all of them."""
        job = self._pass(evaluation)
        return Started(self.executor, replace(job, only=only, kind=kind or job.kind), self.batch_size)

    def _pass(self, evaluation: Evaluation) -> Pass:
        """The pass over all rows of an evaluation; statistics that it needs are computed, charged apart."""
        recipe, key, kind = evaluation.recipe, self.key(evaluation), evaluation.kind
        statistics = None if evaluation.statistics == "own" else self._statistics(evaluation)
        return Pass(recipe, key, str(recipe), kind, evaluation.test, statistics=statistics)

    def _statistics(self, evaluation: Evaluation) -> dict[str, np.ndarray]:
        """The recomputed BatchNorm statistics of an evaluation's network, by the network's names."""
        key, label = self.keys.statistics(evaluation, self.batch_size), str(evaluation.recipe)
        known = self.folder.statistics.get_several(key, key)
        if known is None:
            job = Pass(evaluation.recipe, self.key(evaluation), label, "statistics")
            with self._charge("statistics", key, label, len(statistics_rows(self.task))):
                known = self._batch.halving(label, lambda size: self.executor.statistics(job, size))
                key = self.keys.statistics(evaluation, self.batch_size)  # of smaller batches, if memory ran out
                self.folder.statistics.store_several(key, key, known)
        return known

    def recomputed(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """BatchNorm statistics that a soup has beside the average of its members; empty unless they are recomputed."""
        evaluation = self.evaluation(recipe)
        if evaluation.statistics == "own":
            return {}
        key = self.keys.statistics(evaluation, self.batch_size)
        known = self.folder.statistics.get_several(key, key)
        if known is None:
            known = self._statistics(evaluation)
        return self.networks.by_pool_names(known)

    def first_batch(self, only: Int64[np.ndarray, " k"] | None = None) -> Float32[np.ndarray, "b C"]:
        """Logits of the network, as it is filled now, on the first batch of the data, or of some rows; not charged."""

        def run(size: int) -> Float32[np.ndarray, "b C"]:
            with closing(self.task.logits(self.networks.network, self.task.rows, size, only)) as batches:
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

    def _store(self, evaluation: Evaluation, key: str, known: KnownRows, started: Started, advance: Advance) -> None:
        """Writes the logits of a pass with those that are known; the pass starts over if memory runs out."""
        folder, name, recipe = self.folder.place_of(evaluation), evaluation.stored_as(key), evaluation.recipe
        missing = known.missing() if known.parts else None

        def write(size: int) -> None:
            batches = self._checked(started.batches(size), evaluation, missing, advance)
            with folder.writing(name, key, known.n_rows, {"recipe": recipe.to_json()}) as append:
                for batch in known.completed(batches):
                    append(batch)

        self._batch.halving(name, write)

    def _checked(
        self, batches: Batches, evaluation: Evaluation, only: Int64[np.ndarray, " s"] | None, advance: Advance
    ) -> Iterator[Float32[np.ndarray, "b C"]]:
        """Batches of logits, each checked and counted."""
        rows, name = self._rows(evaluation), evaluation.stored_as(self.key(evaluation))
        labels, done = rows.labels if only is None else rows.labels[only], 0
        try:
            for batch in batches:
                check_labels(labels[done : done + len(batch)], batch.shape[1], name)
                self.task.scored_by.check_classes(batch.shape[1])
                check_logits(batch, name, len(batch), batch.shape[1])
                yield batch
                done += len(batch)
                advance(len(batch))
        except Exception:
            advance(-done)
            raise
