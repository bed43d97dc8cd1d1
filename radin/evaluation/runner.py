"""Runs evaluations: each is charged, its pass started, its logits checked as they come, and stored with those known."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from functools import cached_property, partial
from typing import TYPE_CHECKING, cast

import numpy as np
from jaxtyping import Float32, Int64

from radin.common.progress import SILENT, Advance, Progress
from radin.errors import InputError, NonFiniteError
from radin.evaluation.archive import Archive
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.batchnorm import statistics_rows
from radin.evaluation.charging import Charging
from radin.evaluation.evaluation import Evaluation
from radin.evaluation.executor import Batches, Executor, InProcess, Pass, Started
from radin.evaluation.finite_outputs import check_outputs
from radin.evaluation.known_rows import Batch, KnownRows, Part
from radin.evaluation.loading import Networks
from radin.evaluation.references import References
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.workers import Workers
from radin.scoring.kinds import Tokens
from radin.searching.ledger import Kind
from radin.tasks.data import Rows
from radin.tasks.task import Task

if TYPE_CHECKING:
    from radin.evaluation.on_ray.jobs import Job


class Runner:
    """Runs evaluations and stores their logits in a run folder.

    Arguments:
        task: what networks are run on.
        folder: is written to.
        archive: what is there already.
        charging: charges what is run.
        networks: loads and fills networks.
        batch: finds the batch size that fits in memory.
        references: what is kept of the outputs of tokens.
        workers: other processes that run the networks; None runs them in this one.
        progress: shows a line for each worker.

    Attributes:
        local: runs networks in this process.
    """

    def __init__(
        self,
        task: Task,
        folder: RunFolder,
        archive: Archive,
        charging: Charging,
        networks: Networks,
        batch: BatchSize,
        references: References,
        workers: Workers | None,
        progress: Progress = SILENT,
    ) -> None:
        self._progress = progress
        self._task, self._folder, self._archive, self._charging = task, folder, archive, charging
        if workers is not None and task.is_spread:
            raise InputError(
                "one network of this task takes all devices (device_map), and workers need one each; leave out one of "
                "the two"
            )
        if workers is not None:
            from radin.evaluation.on_ray.cluster import check_installed

            check_installed()
        self._networks, self._batch, self._workers = networks, batch, workers
        self._references = references
        self.local = InProcess(task, networks)

    @cached_property
    def executor(self) -> Executor:
        """The executor that runs the passes."""
        if self._workers is None:
            return self.local
        from radin.evaluation.on_ray.executor import OnRay

        return OnRay(
            self._workers,
            self._task,
            self._networks.pool,
            batchnorm=self._networks.batchnorm,
            in_place=self._networks.in_place,
            lost=self._lose_job,
            progress=self._progress,
        )

    def close(self) -> None:
        """Lets go of workers, if there are any."""
        if "executor" in vars(self):
            self.executor.close()

    def _lose_job(self, job: Job) -> None:
        """Records a part of a pass that died with its worker."""
        kind: Kind = "statistics" if job.what == "statistics" else job.work.kind
        self._folder.ledger.record_loss(kind, job.work.key, job.work.label, job.rows)

    def run_all(
        self,
        evaluations: Sequence[Callable[[ExitStack], Callable[[], None]]],
        after_first: Callable[[], None] | None = None,
    ) -> None:
        """Runs evaluations in order, as many at once as the executor takes.

        Arguments:
            evaluations: each begins one: charges it until the stack is closed, starts its jobs, and returns what waits
                for them and stores the result.
            after_first: called when the first one is stored and charged; if it raises, no more are begun.
        """
        with ExitStack() as undo:
            waiting: deque[tuple[ExitStack, Callable[[], None]]] = deque()
            calls = iter([] if after_first is None else [after_first])

            def end() -> None:
                stack, finish = waiting.popleft()
                with stack:
                    finish()
                for call in calls:
                    call()

            for begin in evaluations:
                stack = undo.enter_context(ExitStack())
                waiting.append((stack, begin(stack)))
                if len(waiting) >= self.executor.at_once:
                    end()
            while waiting:
                end()

    def prepare(self) -> None:
        """Proves the network and starts workers, before anything is charged: what does not fit costs nothing."""
        self._networks.prove()
        _ = self.executor

    def begin(
        self, evaluation: Evaluation, charged: ExitStack, *, advance: Advance | None = None, baseline: bool = False
    ) -> Callable[[], None]:
        """Charges an evaluation and starts its pass; what is returned waits for the logits and stores them.

        Arguments:
            evaluation: what is run; its logits are not on disk.
            charged: closes the charge, as done or as lost.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
            baseline: charges a pass or a soup as a baseline's, and remembers a failure, so that it is not tried again.
        """
        kind: Kind = "baseline" if baseline and evaluation.kind in ("pass", "soup") else evaluation.kind
        self.prepare()
        self.choose(evaluation.test)
        key, missing = self._archive.key(evaluation), self._archive.missing(evaluation)
        charge = self._charging.charged(
            kind, self._archive.stored_key(evaluation), evaluation, len(missing), baseline, advance
        )
        told = charged.enter_context(charge)
        can_choose = evaluation.test is None and self._task.rows.can_choose
        only = missing if can_choose and len(missing) < len(self._task.rows) else None
        return partial(self.write, evaluation, key, self._start(evaluation, kind, only), told)

    def begin_part(
        self,
        evaluation: Evaluation,
        charged: ExitStack,
        *,
        rows: Int64[np.ndarray, " k"],
        kind: Kind,
        advance: Advance | None,
        baseline: bool = False,
    ) -> Callable[[], None]:
        """Charges some rows of an evaluation, without those on disk, and starts their pass.

        Arguments:
            evaluation: what is run, on the data.
            charged: closes the charge, as done or as lost.
            rows: places of the rows, in the order in which they are stored.
            kind: what is charged.
            advance, baseline: as for `begin`.

        Returns:
            what waits for the logits and stores them.
        """
        self.prepare()
        self.choose(evaluation.test)
        known, key, parts = self._archive.known(evaluation), self._archive.key(evaluation), self._archive.kept.parts
        missing, name = known.missing(rows), evaluation.stored_as(key)
        charge = self._charging.charged(kind, parts.key(key, rows), evaluation, len(missing), baseline, advance)
        told = charged.enter_context(charge)
        only = missing if self._task.rows.can_choose else None
        started = self._start(evaluation, kind, only)

        def finish() -> None:
            fresh = self._batch.halving(
                name,
                lambda size: self._task.kind.join(
                    list(self._checked(started.batches(size), evaluation, self._task.rows, only, told))
                ),
            )
            fresh = fresh if only is not None else fresh[missing]
            grown = KnownRows(known.n_rows, [*known.parts, Part(missing, fresh)])
            parts.store(name, key, Part(rows, grown.read(rows)))

        return finish

    def _start(self, evaluation: Evaluation, kind: Kind, only: Int64[np.ndarray, " s"] | None) -> Started:
        """Starts the pass of an evaluation over some rows, or over all of them."""
        return Started(self.executor, self.pass_of(evaluation, kind, only), self._batch.value)

    def pass_of(
        self, evaluation: Evaluation, kind: Kind | None = None, only: Int64[np.ndarray, " s"] | None = None
    ) -> Pass:
        """The pass of an evaluation; statistics that it needs are computed, charged apart."""
        recipe, key = evaluation.recipe, self._archive.key(evaluation)
        statistics = None if evaluation.statistics == "own" else self.statistics_of(evaluation)
        outputs = self._references.kind(evaluation.test)
        return Pass(recipe, key, str(recipe), kind or evaluation.kind, evaluation.test, only, statistics, outputs)

    def choose(self, test: str | None) -> None:
        """Runs the reference that chooses what is kept of outputs, if it has not run on these data; charged apart.

        Raises:
            NonFiniteError: its outputs are not finite.
        """
        if not self._references.is_missing(test):
            return
        rows, recipe = self._task.rows if test is None else self._task.tests[test], self._references.recipe(test)
        kind, key, name = cast(Tokens, rows.kind), cast(str, self._references.key(test)), f"reference, {recipe}"
        job = Pass(recipe, key, name, "reference", test, outputs=kind.choosing)
        with self._charging.charged_alone("reference", key, name, len(rows)) as told:

            def run(size: int) -> np.ndarray:
                def check(batch: np.ndarray, places: Int64[np.ndarray, " b"]) -> None:
                    check_outputs(kind.choosing, batch, rows, places, f"{recipe}")

                return kind.join(list(_counted(self.executor.logits(job, size), np.arange(len(rows)), check, told)))

            try:
                self._references.store(test, self._batch.halving(name, run))
            except NonFiniteError as error:
                raise NonFiniteError(
                    f"{error}. This soup of all ingredients chooses which tokens are kept: one of them has diverged, "
                    "so leave it out"
                ) from error

    def statistics_of(self, evaluation: Evaluation) -> dict[str, np.ndarray]:
        """The recomputed BatchNorm statistics of an evaluation's network, by the network's names."""
        key, label = self._archive.keys.statistics(evaluation, self._batch.value), str(evaluation.recipe)
        known = self._folder.statistics.get_several(key, key)
        if known is None:
            job = Pass(evaluation.recipe, self._archive.key(evaluation), label, "statistics")
            with self._charging.charge("statistics", key, label, len(statistics_rows(self._task))):
                known = self._batch.halving(label, lambda size: self.executor.statistics(job, size))
                # Of smaller batches, if memory ran out.
                key = self._archive.keys.statistics(evaluation, self._batch.value)
                self._folder.statistics.store_several(key, key, known)
        return known

    def write(self, evaluation: Evaluation, key: str, started: Started | None, advance: Advance) -> None:
        """Writes the logits of a pass with those that are known; the pass starts over if memory runs out.

        Arguments:
            evaluation: what was run.
            key: of its logits.
            started: the pass over the rows that are not known; None where all are.
            advance: told the samples that are done.
        """
        place, name, recipe = self._folder.place_of(evaluation), evaluation.stored_as(key), evaluation.recipe
        rows = self._archive.rows_of(evaluation)
        if evaluation.test is None:
            self._archive.kept.keep_others(place, name, key)

        def write(size: int) -> None:
            batches = iter(()) if started is None else started.batches(size)
            if evaluation.test is None:
                selected = rows.kind.batches(self._selected(evaluation, key, batches, advance))
                self._archive.kept.write(place, name, key, recipe.to_json(), selected)
                return
            with place.writing(name, key, len(rows), {"recipe": recipe.to_json()}) as append:
                for batch in rows.kind.batches(self._checked(batches, evaluation, rows, None, advance)):
                    append(batch)

        self._batch.halving(name, write)

    def _selected(self, evaluation: Evaluation, key: str, batches: Batches, advance: Advance) -> Iterator[Batch]:
        """Logits on the selecting rows: known ones, and fresh ones.

        Data that cannot be read in a chosen order are run in full; the rows that are held back are kept, too.
        """
        name, rows, known = evaluation.stored_as(key), self._task.rows, self._archive.known(evaluation)
        missing = known.missing(self._archive.kept.selecting)
        if not len(missing):
            yield known.read(self._archive.kept.selecting)
        elif rows.can_choose:
            only = None if len(missing) == len(rows) else missing
            yield from known.completed(
                self._checked(batches, evaluation, rows, only, advance), self._archive.kept.selecting
            )
        else:
            others, parts = self._task.split[1], self._archive.kept.parts
            kind: Kind = "control" if evaluation.kind == "control" else "held-back"

            def keep(batches: list[np.ndarray]) -> None:  # of several lengths
                if len(known.missing(others)):  # a kill may have left them, and no array
                    with self._charging.charge(kind, parts.key(key, others), str(evaluation.recipe), len(others)):
                        parts.store(name, key, Part(others, self._task.kind.join(batches)))

            yield from self._archive.kept.divided(self._checked(batches, evaluation, rows, None, advance), keep)

    def _checked(
        self,
        batches: Batches,
        evaluation: Evaluation,
        rows: Rows,
        only: Int64[np.ndarray, " s"] | None,
        advance: Advance,
    ) -> Iterator[Float32[np.ndarray, "b ..."]]:
        """Batches of logits, each checked and counted."""

        def check(batch: np.ndarray, places: Int64[np.ndarray, " b"]) -> None:
            if rows.columns is None:
                rows.kind.check_labels(rows.labels[places], batch.shape[1:], evaluation.network)
            self._task.scored_by.check_classes(batch.shape[-1])
            try:
                check_outputs(rows.kind, batch, rows, places, evaluation.network)
            except NonFiniteError as error:
                if evaluation.recipe.size == 1:
                    raise
                raise NonFiniteError(
                    f"{error}. A soup cannot be left out of a run: leave out the ingredient that its weights do not "
                    "average with, which a diagnosis of the pool may tell"
                ) from error

        return _counted(batches, np.arange(len(rows)) if only is None else only, check, advance)


def _counted(
    batches: Batches,
    places: Int64[np.ndarray, " s"],
    check: Callable[[np.ndarray, Int64[np.ndarray, " b"]], None],
    advance: Advance,
) -> Iterator[Float32[np.ndarray, "b ..."]]:
    """Batches of the samples at some places, each checked and counted; none is counted if one fails."""
    done = 0
    try:
        for batch in batches:
            check(batch, places[done : done + len(batch)])
            yield batch
            done += len(batch)
            advance(len(batch))
    except Exception:
        advance(-done)
        raise
