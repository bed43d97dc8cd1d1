"""Logits of ingredients and soups on a task's rows: evaluated once, charged once, kept in the run folder."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float32, Int64

from radin.common.progress import SILENT, Advance, Progress
from radin.errors import NonFiniteError
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
from radin.evaluation.known_rows import Batch, KnownRows, Part
from radin.evaluation.loading import Networks
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.stored_logits import StoredLogits
from radin.evaluation.unchanged import check_unchanged
from radin.evaluation.workers import Workers
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank, check_finite
from radin.searching.budget import Kind
from radin.tasks.data import Rows, check_classes
from radin.tasks.task import Task
from radin.weights.merge_plan import check_policy, has_statistics
from radin.weights.pool import Pool

if TYPE_CHECKING:
    from radin.evaluation.on_ray.jobs import Job

#: What one and the same evaluation may have been charged as.
_ONE_PASS: tuple[Kind, ...] = ("pass", "soup", "baseline")


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
        """The logits of all ingredients on the selecting rows; one pass for each that is not on disk.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: logits that are not finite, labels out of range, classes in another order than the checkpoints',
                or stored logits that no longer match what the network gives. All passes completed so far are kept.
        """
        return self.bank(self.in_full(self.open()))

    def bank(self, outputs: Sequence[Float32[np.ndarray, "m ..."]], members: Sequence[int] | None = None) -> LogitBank:
        """A bank of outputs on the selecting rows, of the whole pool or of some members of it."""
        rows, selecting, names = self.task.rows, self.task.split[0], self.pool.names
        chosen = names if members is None else [names[i] for i in members]
        groups = None if rows.groups is None else rows.groups[selecting]
        return LogitBank.of_samples(chosen, outputs, rows.labels[selecting], rows.kind, groups)

    def in_full(self, singles: Sequence[Evaluation]) -> list[Float32[np.ndarray, "m ..."]]:
        """The logits of some ingredients on the selecting rows."""
        missing = sum(len(self.missing(single)) for single in singles)
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
        self._kept.put_aside(self.folder.logits)
        self.folder.write_labels(self.task.rows, self.task.split[0])
        self.folder.record_split(self.task.holdback, self.task.split_seed)
        return singles

    def _check_stored(self, single: Evaluation) -> None:
        """Runs the first stored rows of an ingredient again, and compares."""
        known = self.known(single)
        whole = not len(known.missing())
        if not whole and not self.task.rows.can_choose:
            return
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
        _ = self.task.scored_by  # of the kind of outputs that the labels speak of
        ingredients = dict(zip(self.pool.names, self.fingerprints, strict=True))
        settings = {**self.task.settings, **self.pool.settings}
        self.folder.bind(Inputs(task=task_inputs(self.task), ingredients=ingredients, settings=settings))

    def logits(
        self, evaluation: Evaluation, *, advance: Advance | None = None, baseline: bool = False
    ) -> Float32[np.ndarray, "m ..."]:
        """Logits on the selecting rows, or on a test set, from disk if they are there, else from a charged pass.

        Arguments:
            evaluation: what is run.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
            baseline: charges a pass or a soup as a baseline's, and remembers a failure, so that it is not tried again.

        Raises:
            NonFiniteError: the logits are not finite.
        """
        key, stored = self.key(evaluation), self._stored(evaluation)
        if stored is not None:
            return stored
        if self.is_stored(evaluation):  # in parts
            self._write(evaluation, key, None, lambda done: None)
        else:
            self._run_all([partial(self._begin, evaluation, advance=advance, baseline=baseline)])
        if self.key(evaluation) != key:  # memory ran out on the way, and statistics are those of smaller batches now
            return self.logits(evaluation, advance=advance, baseline=baseline)
        stored = self._stored(evaluation)
        assert stored is not None  # written just now
        return stored

    def _begin(
        self, evaluation: Evaluation, charged: ExitStack, *, advance: Advance | None = None, baseline: bool = False
    ) -> Callable[[], None]:
        """Charges an evaluation and starts its pass; what is returned waits for the logits and stores them.

        Arguments:
            evaluation: what is run; its logits are not on disk.
            charged: closes the charge, as done or as lost.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
            baseline: see `logits`.
        """
        kind: Kind = "baseline" if baseline and evaluation.kind in ("pass", "soup") else evaluation.kind
        key, missing = self.key(evaluation), self.missing(evaluation)
        charge = self._charged(kind, self._stored_key(evaluation), evaluation, len(missing), baseline, advance)
        told = charged.enter_context(charge)
        can_choose = evaluation.test is None and self.task.rows.can_choose
        only = missing if can_choose and len(missing) < len(self.task.rows) else None
        return partial(self._write, evaluation, key, self._start(evaluation, kind, only), told)

    def held_back(self, evaluation: Evaluation, *, baseline: bool = False) -> Float32[np.ndarray, "h ..."]:
        """Logits on the rows that are held back, from disk if they are there, else from a charged pass over these."""
        kind: Kind = "control" if evaluation.kind == "control" else "held-back"
        return self.part(evaluation, self.task.split[1], kind, baseline=baseline)

    def part(
        self,
        evaluation: Evaluation,
        rows: Int64[np.ndarray, " k"],
        kind: Kind,
        *,
        advance: Advance | None = None,
        baseline: bool = False,
    ) -> Float32[np.ndarray, "k ..."]:
        """Logits on some rows of the data; only rows that were not run before are run, and charged.

        Arguments:
            evaluation: what is run, on the data.
            rows: places of the rows, in the order in which their logits are wanted.
            kind: what is charged.
            advance: told the samples that are done; by default they are a stage of their own.
            baseline: remembers a failure, so that it is not tried again.

        Raises:
            NonFiniteError: the logits are not finite.
        """
        key = self.key(evaluation)
        if len(self.known(evaluation).missing(rows)):
            self._run_all([partial(self._begin_part, evaluation, rows, kind, advance=advance, baseline=baseline)])
            if self.key(evaluation) != key:  # as above
                return self.part(evaluation, rows, kind, advance=advance, baseline=baseline)
        return self.known(evaluation).read(rows)

    def beginnings(
        self, singles: Sequence[Evaluation], rows: Int64[np.ndarray, " k"], advance: Advance
    ) -> list[Float32[np.ndarray, "k ..."]]:
        """Logits of several ingredients on some rows, as a stage of a race needs them."""
        todo = [single for single in singles if len(self.known(single).missing(rows))]
        self._run_all([partial(self._begin_part, single, rows, "stage", advance=advance) for single in todo])
        return [self.part(single, rows, "stage", advance=advance) for single in singles]

    def _begin_part(
        self,
        evaluation: Evaluation,
        rows: Int64[np.ndarray, " k"],
        kind: Kind,
        charged: ExitStack,
        *,
        advance: Advance | None,
        baseline: bool = False,
    ) -> Callable[[], None]:
        """Charges the rows of `part` that are missing, and starts their pass; what is returned stores them."""
        known, key, parts = self.known(evaluation), self.key(evaluation), self._kept.parts
        missing, name = known.missing(rows), evaluation.stored_as(key)
        charge = self._charged(kind, parts.key(key, rows), evaluation, len(missing), baseline, advance)
        told = charged.enter_context(charge)
        only = missing if self.task.rows.can_choose else None
        started = self._start(evaluation, kind, only)

        def finish() -> None:
            fresh = self._batch.halving(
                name,
                lambda size: self.task.kind.join(
                    list(self._checked(started.batches(size), name, self.task.rows, only, told))
                ),
            )
            fresh = fresh if only is not None else fresh[missing]
            grown = KnownRows(known.n_rows, [*known.parts, Part(missing, fresh)])
            parts.store(name, key, Part(rows, grown.read(rows)))

        return finish

    @contextmanager
    def _charged(
        self, kind: Kind, key: str, evaluation: Evaluation, rows: int, baseline: bool, advance: Advance | None
    ) -> Iterator[Advance]:
        """Charges a block that runs a network on some rows.

        That a baseline's logits are not finite is its result, and the charge stands.
        """
        failures = self.folder.failures if baseline else {}
        if key not in failures:
            self.networks.prove()  # before anything is charged: a network that does not fit costs nothing
            also = self.keys_of(evaluation) if key == self._stored_key(evaluation) else ()
            with self._charge(kind, key, str(evaluation.recipe), rows, also):
                try:
                    with self._stage(f"{evaluation}", rows, advance) as told:
                        yield told
                    return
                except NonFiniteError as error:
                    if not baseline:
                        raise
                    self.folder.failures = failures = {**failures, key: str(error)}
        raise NonFiniteError(failures[key])

    @contextmanager
    def _stage(self, what: str, rows: int, advance: Advance | None) -> Iterator[Advance]:
        """A stage of progress, unless it is part of another."""
        if advance is not None:
            yield advance
            return
        with self.progress.stage(what, rows, "sample") as own:
            yield own

    def missing(self, evaluation: Evaluation) -> Int64[np.ndarray, " s"]:
        """The selecting rows, or those of a test set, whose logits are not on disk."""
        return self.known(evaluation).missing(self._wanted(evaluation))

    def _wanted(self, evaluation: Evaluation) -> Int64[np.ndarray, " m"]:
        return self.task.split[0] if evaluation.test is None else np.arange(len(self._rows(evaluation)))

    def known(self, evaluation: Evaluation) -> KnownRows:
        """The rows on which logits of an evaluation are on disk."""
        key = self.key(evaluation)
        name, place = evaluation.stored_as(key), self.folder.place_of(evaluation)
        if evaluation.test is None:
            return self._kept.known(place, name, key)
        stored, n_rows = place.get(name, key), len(self._rows(evaluation))
        return KnownRows(n_rows, [] if stored is None else [Part(np.arange(n_rows), stored)])

    @cached_property
    def _kept(self) -> StoredLogits:
        return StoredLogits(self.folder.partial, len(self.task.rows), self.task.split[0])

    def is_stored(self, evaluation: Evaluation) -> bool:
        """Whether the logits of an evaluation on the selecting rows, or on a test set, are on disk."""
        return not len(self.missing(evaluation))

    def is_in_bank(self, single: Evaluation) -> bool:
        """Whether the folder of logits has an array of an ingredient with the selecting rows."""
        about = self.folder.logits.about(single.stored_as(self.key(single)))
        return about is not None and about["key"] in self.keys_of(single)

    def keys_of(self, evaluation: Evaluation) -> set[str]:
        """What an evaluation may have been charged under: now, and by a version that ran all rows."""
        return {self.key(evaluation), self._stored_key(evaluation)}

    def _stored_key(self, evaluation: Evaluation) -> str:
        key = self.key(evaluation)
        return key if evaluation.test is not None else self._kept.key(key)

    def _stored(self, evaluation: Evaluation) -> Float32[np.ndarray, "m ..."] | None:
        key = self.key(evaluation)
        return self.folder.place_of(evaluation).get(evaluation.stored_as(key), self._stored_key(evaluation))

    def fill(self, evaluation: Evaluation) -> torch.nn.Module:
        """This process's network, with the weights and the statistics of an evaluation."""
        return self._local.network(self._pass(evaluation))

    def _start(self, evaluation: Evaluation, kind: Kind, only: Int64[np.ndarray, " s"] | None) -> Started:
        """Starts the pass of an evaluation over some rows, or over all of them."""
        return Started(self.executor, self._pass(evaluation, kind, only), self.batch_size)

    def _pass(
        self, evaluation: Evaluation, kind: Kind | None = None, only: Int64[np.ndarray, " s"] | None = None
    ) -> Pass:
        """The pass of an evaluation; statistics that it needs are computed, charged apart."""
        recipe, key = evaluation.recipe, self.key(evaluation)
        statistics = None if evaluation.statistics == "own" else self._statistics(evaluation)
        return Pass(recipe, key, str(recipe), kind or evaluation.kind, evaluation.test, only, statistics)

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

    def first_batch(self, only: Int64[np.ndarray, " k"] | None = None) -> Float32[np.ndarray, "b ..."]:
        """Logits of the network, as it is filled now, on the first batch of the data, or of some rows; not charged."""

        def run(size: int) -> Float32[np.ndarray, "b ..."]:
            with closing(self.task.logits(self.networks.network, self.task.rows, size, only)) as batches:
                return next(batches)

        return self._batch.halving("the first batch", run)

    def _rows(self, evaluation: Evaluation) -> Rows:
        return self.task.rows if evaluation.test is None else self.task.tests[evaluation.test]

    def _charge(
        self, kind: Kind, key: str, label: str, rows: int, also: Collection[str] = ()
    ) -> AbstractContextManager[None]:
        """A charge of the ledger's. An evaluation that was done before is here again since its result was damaged.

        Arguments:
            kind, key, label, rows: see `Ledger.charge`.
            also: further keys under which it may have been charged.
        """
        kinds: set[Kind] = {kind, *(_ONE_PASS if kind in _ONE_PASS else ())}
        lost = [self.folder.ledger.lose(one, other) for one in kinds for other in {key, *also}]
        if any(lost):
            self.folder.note(
                f"the stored result of {label} ({kind}) was damaged, deleted or replaced, and is computed again"
            )
        return self.folder.ledger.charge(kind, key, label, rows)

    def _write(self, evaluation: Evaluation, key: str, started: Started | None, advance: Advance) -> None:
        """Writes the logits of a pass with those that are known; the pass starts over if memory runs out.

        Arguments:
            evaluation: what was run.
            key: of its logits.
            started: the pass over the rows that are not known; None where all are.
            advance: told the samples that are done.
        """
        place, name, recipe = self.folder.place_of(evaluation), evaluation.stored_as(key), evaluation.recipe
        rows = self._rows(evaluation)
        if evaluation.test is None:
            self._kept.keep_others(place, name, key)

        def write(size: int) -> None:
            batches = iter(()) if started is None else started.batches(size)
            if evaluation.test is None:
                selected = rows.kind.batches(self._selected(evaluation, key, batches, advance))
                self._kept.write(place, name, key, recipe.to_json(), selected)
                return
            with place.writing(name, key, len(rows), {"recipe": recipe.to_json()}) as append:
                for batch in rows.kind.batches(self._checked(batches, name, rows, None, advance)):
                    append(batch)

        self._batch.halving(name, write)

    def _selected(self, evaluation: Evaluation, key: str, batches: Batches, advance: Advance) -> Iterator[Batch]:
        """Logits on the selecting rows: known ones, and fresh ones.

        Data that cannot be read in a chosen order are run in full; the rows that are held back are kept, too.
        """
        name, rows, known = evaluation.stored_as(key), self.task.rows, self.known(evaluation)
        missing = known.missing(self._kept.selecting)
        if not len(missing):
            yield known.read(self._kept.selecting)
        elif rows.can_choose:
            only = None if len(missing) == len(rows) else missing
            yield from known.completed(self._checked(batches, name, rows, only, advance), self._kept.selecting)
        else:
            others, parts = self.task.split[1], self._kept.parts
            kind: Kind = "control" if evaluation.kind == "control" else "held-back"

            def keep(batches: list[np.ndarray]) -> None:  # of several lengths
                if len(known.missing(others)):  # a kill may have left them, and no array
                    with self._charge(kind, parts.key(key, others), str(evaluation.recipe), len(others)):
                        parts.store(name, key, Part(others, self.task.kind.join(batches)))

            yield from self._kept.divided(self._checked(batches, name, rows, None, advance), keep)

    def _checked(
        self, batches: Batches, name: str, rows: Rows, only: Int64[np.ndarray, " s"] | None, advance: Advance
    ) -> Iterator[Float32[np.ndarray, "b ..."]]:
        """Batches of logits, each checked and counted."""
        kind, labels, done = rows.kind, rows.labels if only is None else rows.labels[only], 0
        try:
            for batch in batches:
                if rows.columns is None:
                    kind.check_labels(labels[done : done + len(batch)], batch.shape[1:], name)
                self.task.scored_by.check_classes(batch.shape[-1])
                check_finite(kind, batch, name, done)
                yield batch
                done += len(batch)
                advance(len(batch))
        except Exception:
            advance(-done)
            raise
