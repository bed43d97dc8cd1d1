"""Logits of ingredients and soups on a task's rows: evaluated once, charged once, kept in the run folder."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import cached_property, partial

import numpy as np
import torch
from jaxtyping import Float32, Int64

from radin.common.progress import SILENT, Advance, Progress
from radin.errors import NonFiniteError
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.batchnorm import (
    check_sizes,
    keeps_statistics,
    recompute_statistics,
    statistics_of,
    statistics_rows,
)
from radin.evaluation.evaluation import Evaluation, Statistics
from radin.evaluation.fingerprints import fingerprints_of, survey_data
from radin.evaluation.inputs import Inputs, task_inputs
from radin.evaluation.keys import Keys
from radin.evaluation.known_rows import Batch, KnownRows, Part
from radin.evaluation.loading import Networks
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.stored_logits import StoredLogits
from radin.evaluation.unchanged import check_unchanged
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank, check_finite
from radin.searching.budget import Kind
from radin.tasks.data import Rows, check_classes
from radin.tasks.task import Task
from radin.weights.merge_plan import check_policy, has_statistics
from radin.weights.pool import Pool

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
            return [self.logits(single, advance=advance) for single in singles]

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
        kind: Kind = "baseline" if baseline and evaluation.kind in ("pass", "soup") else evaluation.kind
        missing = len(self.missing(evaluation))
        if missing:
            with self._charged(kind, self._stored_key(evaluation), evaluation, missing, baseline, advance) as told:
                self._run(evaluation, key, told)
        else:
            self._run(evaluation, key, lambda done: None)
        if self.key(evaluation) != key:  # memory ran out on the way, and statistics are those of smaller batches now
            return self.logits(evaluation, advance=advance, baseline=baseline)
        stored = self._stored(evaluation)
        assert stored is not None  # written just now
        return stored

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
        known, key = self.known(evaluation), self.key(evaluation)
        missing, parts, name = known.missing(rows), self._kept.parts, evaluation.stored_as(key)
        if len(missing):
            with self._charged(kind, parts.key(key, rows), evaluation, len(missing), baseline, advance) as told:
                only = missing if self.task.rows.can_choose else None
                run = partial(self._forward, name, self.task.rows, only, told)
                fresh = self._batch.halving(name, lambda size: self.task.kind.join(list(run(size))))
                fresh = fresh if only is not None else fresh[missing]
                known = KnownRows(known.n_rows, [*known.parts, Part(missing, fresh)])
                parts.store(name, key, Part(rows, known.read(rows)))
            if self.key(evaluation) != key:  # as above
                return self.part(evaluation, rows, kind, advance=advance, baseline=baseline)
            known = self.known(evaluation)
        return known.read(rows)

    @contextmanager
    def _charged(
        self, kind: Kind, key: str, evaluation: Evaluation, rows: int, baseline: bool, advance: Advance | None
    ) -> Iterator[Advance]:
        """Fills the network for a block that runs it on some rows, and charges it.

        That a baseline's logits are not finite is its result, and the charge stands.
        """
        failures = self.folder.failures if baseline else {}
        if key not in failures:
            self.networks.prove()  # before anything is charged: a network that does not fit costs nothing
            also = self.keys_of(evaluation) if key == self._stored_key(evaluation) else ()
            with self._charge(kind, key, str(evaluation.recipe), rows, also):
                try:
                    self.fill(evaluation)
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

    def _run(self, evaluation: Evaluation, key: str, advance: Advance) -> None:
        """One pass over the rows that are not known, written with those that are; started over if memory runs out."""
        place, name, recipe = self.folder.place_of(evaluation), evaluation.stored_as(key), evaluation.recipe
        kind = self._rows(evaluation).kind
        if evaluation.test is not None:

            def write(size: int) -> None:
                rows = self._rows(evaluation)
                with place.writing(name, key, len(rows), {"recipe": recipe.to_json()}) as append:
                    for batch in kind.batches(self._forward(name, rows, None, advance, size)):
                        append(batch)
        else:
            self._kept.keep_others(place, name, key)

            def write(size: int) -> None:
                selected = kind.batches(self._selected(evaluation, key, advance, size))
                self._kept.write(place, name, key, recipe.to_json(), selected)

        self._batch.halving(name, write)

    def _selected(self, evaluation: Evaluation, key: str, advance: Advance, size: int) -> Iterator[Batch]:
        """Logits on the selecting rows: known ones, and fresh ones of the network as it is filled now.

        Data that cannot be read in a chosen order are run in full; the rows that are held back are kept, too.
        """
        name, rows, known = evaluation.stored_as(key), self.task.rows, self.known(evaluation)
        missing = known.missing(self._kept.selecting)
        if not len(missing):
            yield known.read(self._kept.selecting)
        elif rows.can_choose:
            only = None if len(missing) == len(rows) else missing
            yield from known.completed(self._forward(name, rows, only, advance, size), self._kept.selecting)
        else:
            others, parts = self.task.split[1], self._kept.parts
            kind: Kind = "control" if evaluation.kind == "control" else "held-back"

            def keep(batches: list[np.ndarray]) -> None:  # of several lengths
                if len(known.missing(others)):  # a kill may have left them, and no array
                    with self._charge(kind, parts.key(key, others), str(evaluation.recipe), len(others)):
                        parts.store(name, key, Part(others, self.task.kind.join(batches)))

            yield from self._kept.divided(self._forward(name, rows, None, advance, size), keep)

    def _forward(
        self, name: str, rows: Rows, only: Int64[np.ndarray, " s"] | None, advance: Advance, size: int
    ) -> Iterator[Float32[np.ndarray, "b ..."]]:
        """Logits of the network, as it is filled now, batch by batch, each checked."""
        kind, labels, done = rows.kind, rows.labels if only is None else rows.labels[only], 0
        try:
            for batch in self.task.logits(self.networks.network, rows, size, only):
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
