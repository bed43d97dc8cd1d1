"""Logits of ingredients and soups on a task's rows: evaluated once, charged once, kept in the run folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float32, Int64

from radin.common.progress import SILENT, Advance, Progress
from radin.evaluation.archive import Archive
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.batchnorm import check_sizes, keeps_statistics, statistics_of
from radin.evaluation.charging import Charging
from radin.evaluation.evaluation import Evaluation, Statistics
from radin.evaluation.fingerprints import fingerprints_of, survey_data
from radin.evaluation.inputs import Inputs, task_inputs
from radin.evaluation.keys import Keys
from radin.evaluation.label_sets import check_label_sets
from radin.evaluation.loading import Networks
from radin.evaluation.metric_trial import try_metric
from radin.evaluation.references import References
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.runner import Runner
from radin.evaluation.unchanged import check_unchanged
from radin.evaluation.workers import Workers
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank
from radin.searching.ledger import Kind
from radin.tasks.data import check_classes
from radin.tasks.outputs import Fetch
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
        self.archive = Archive(task, folder, self._keys, self._batch)
        charging = Charging(folder, self.archive, progress)
        self.references = References(task, folder, pool.names, lambda: self.fingerprints)
        tools = self.networks, self._batch, self.references
        self.runner = Runner(task, folder, self.archive, charging, *tools, workers, progress)

    def close(self) -> None:
        """Lets go of workers, if there are any."""
        self.runner.close()

    @property
    def batch_size(self) -> int:
        """Samples per forward pass, at most those of the task."""
        return self._batch.value

    def _keys(self) -> Keys:
        return Keys(self.task, self.fingerprints, self.batchnorm, self.references.key)

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
        missing = sum(len(self.archive.missing(single)) for single in singles)
        if missing:
            self.runner.prepare()
        with self.progress.stage("ingredients", missing, "sample") as advance:
            begin = partial(self.runner.begin, advance=advance)
            self._run_singles(singles, self.task.split[0], begin)
            return [self.logits(single, advance=advance) for single in singles]

    def _run_singles(
        self,
        singles: Sequence[Evaluation],
        rows: Int64[np.ndarray, " k"],
        begin: Callable[[Evaluation, ExitStack], Callable[[], None]],
    ) -> None:
        """Runs the ingredients that have not run on some rows; a metric of one's own is tried on the first outputs."""
        todo, stored = list[Evaluation](), list[Evaluation]()
        for single in singles:
            (todo if len(self.archive.known(single).missing(rows)) else stored).append(single)

        def trial(single: Evaluation) -> None:
            try_metric(self.task, self.archive.known(single).read(rows), rows, str(single.recipe))

        if todo and stored:
            trial(stored[0])
        runs = [partial(begin, single) for single in todo]
        self.runner.run_all(runs, None if stored or not todo else partial(trial, todo[0]))

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
        self.runner.choose(None)
        singles = self.singles()
        stored = next((single for single in singles if self.archive.known(single).parts), None)
        if stored is not None:
            self._check_stored(stored)
        self.archive.kept.put_aside(self.folder.logits)
        self.folder.write_labels(self.task.rows, self.task.split[0])
        self.folder.record_split(self.task.holdback, self.task.split_seed)
        return singles

    def _check_stored(self, single: Evaluation) -> None:
        """Runs the first stored rows of an ingredient again, and compares."""
        known = self.archive.known(single)
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
        check_label_sets(self.task)
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
        key, stored = self.archive.key(evaluation), self.archive.read(evaluation)
        if stored is not None:
            self._check_statistics(evaluation)
            return stored
        if self.archive.is_stored(evaluation):  # in parts
            self.runner.write(evaluation, key, None, lambda done: None)
        else:
            self.runner.run_all([partial(self.runner.begin, evaluation, advance=advance, baseline=baseline)])
        if self.archive.key(evaluation) != key:  # memory ran out: statistics are those of smaller batches now
            return self.logits(evaluation, advance=advance, baseline=baseline)
        stored = self.archive.read(evaluation)
        assert stored is not None  # written just now
        return stored

    def _check_statistics(self, evaluation: Evaluation) -> None:
        """Computes statistics that belong to stored logits again if their file is damaged."""
        if evaluation.statistics == "recomputed" and self.archive.has_statistics(evaluation):
            self.runner.statistics_of(evaluation)

    def run(self, evaluations: Sequence[Evaluation]) -> None:
        """Runs evaluations that are not on disk, side by side where several may be under way; then `logits` reads them.

        Raises:
            NonFiniteError: logits are not finite.
        """
        todo = [one for one in dict.fromkeys(evaluations) if not self.archive.is_stored(one)]
        self.runner.run_all([partial(self.runner.begin, one) for one in todo])

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
        key = self.archive.key(evaluation)
        if len(self.archive.known(evaluation).missing(rows)):
            self.runner.run_all(
                [partial(self.runner.begin_part, evaluation, rows=rows, kind=kind, advance=advance, baseline=baseline)]
            )
            if self.archive.key(evaluation) != key:  # as above
                return self.part(evaluation, rows, kind, advance=advance, baseline=baseline)
        return self.archive.known(evaluation).read(rows)

    def beginnings(
        self, singles: Sequence[Evaluation], rows: Int64[np.ndarray, " k"], advance: Advance
    ) -> list[Float32[np.ndarray, "k ..."]]:
        """Logits of several ingredients on some rows, as a stage of a race needs them."""
        self._run_singles(singles, rows, partial(self.runner.begin_part, rows=rows, kind="stage", advance=advance))
        return [self.part(single, rows, "stage", advance=advance) for single in singles]

    def fill(self, evaluation: Evaluation) -> torch.nn.Module:
        """This process's network, with the weights and the statistics of an evaluation."""
        return self.runner.local.network(self.runner.pass_of(evaluation))

    def recomputed(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """BatchNorm statistics that a soup has beside the average of its members; empty unless they are recomputed."""
        evaluation = self.evaluation(recipe)
        if evaluation.statistics == "own":
            return {}
        return self.networks.by_pool_names(self.runner.statistics_of(evaluation))

    def first_batch(self, only: Int64[np.ndarray, " k"] | None = None) -> Float32[np.ndarray, "b ..."]:
        """Logits of the network, as it is filled now, on the first batch of the data, or of some rows; not charged."""
        kind = self.references.kind(None)

        def run(size: int) -> Float32[np.ndarray, "b ..."]:
            with closing(self.task.rows.labelled(only)) as batches:
                batch = next(batches)
            self.task.prepare_network(self.networks.network)
            return Fetch(self.task.outputs_of(self.networks.network, batch, 0, size, kind)).wait()

        return self._batch.halving("the first batch", run)
