"""Logits of ingredients and soups on a task's rows: evaluated once, charged once, kept on disk."""

from __future__ import annotations

import os
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32

from radin.common.files import digest_of, remove_leftovers
from radin.common.progress import SILENT, Advance, Progress
from radin.errors import DataError
from radin.evaluation.batch_size import BatchSize
from radin.evaluation.batchnorm import (
    StatisticsFolder,
    check_sizes,
    keeps_statistics,
    recompute_statistics,
    statistics_of,
    statistics_rows,
)
from radin.evaluation.loading import Networks, tolerance
from radin.evaluation.run_folder import bind_inputs, digests_of, task_inputs
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank, check_labels, check_logits
from radin.scoring.logit_folder import LogitFolder
from radin.searching.budget import Kind, Ledger
from radin.tasks.data import Rows, check_classes
from radin.tasks.task import Task
from radin.weights.merge_plan import check_policy, has_statistics
from radin.weights.pool import Pool


class Evaluator:
    """Runs ingredients and soups of a pool on a task, each at most once, and keeps their logits in a folder.

    Arguments:
        pool: the ingredients.
        task: what they are run on.
        folder: holds `logits/` (ingredients), `soups/`, `test/` (either, on the test set; one of several test sets has
            a folder in it), `statistics/` (recomputed ones) and `controls/` (an ingredient that has them).
        ledger: charged with every evaluation; what a killed process left running in it is settled here.
        batchnorm: policy for BatchNorm statistics of soups, see `radin.make_soup`.
        progress: watches the passes.
    """

    def __init__(
        self,
        pool: Pool,
        task: Task,
        folder: str | os.PathLike[str],
        ledger: Ledger,
        *,
        batchnorm: str = "recompute",
        progress: Progress = SILENT,
    ) -> None:
        check_policy(batchnorm)
        self.pool, self.task, self.ledger, self.progress = pool, task, ledger, progress
        self.batchnorm = batchnorm if has_statistics(pool) else "average"  # one name for what makes no difference
        root = self.folder = Path(folder)
        self._ingredients = LogitFolder(root / "logits")
        self._soups = LogitFolder(root / "soups")
        self._tests = {name: LogitFolder(root / "test" / ("" if name == "test" else name)) for name in task.tests}
        self._controls = LogitFolder(root / "controls")
        self._statistics = StatisticsFolder(root / "statistics")
        self._batch = BatchSize(task.batch_size, ledger)
        self.networks = Networks(task, pool, batchnorm=self.batchnorm, batch=self._batch, ledger=ledger)

    @property
    def batch_size(self) -> int:
        """Samples per forward pass, at most those of the task."""
        return self._batch.value

    @cached_property
    def digests(self) -> tuple[str, ...]:
        """A digest of every ingredient, in pool order; see `radin.evaluation.run_folder.digests_of`."""
        return digests_of(self.pool, self.ledger, self.progress)

    def key(self, recipe: Recipe, rows: Rows, *, control: bool = False) -> str:
        """Digest of everything that a recipe's logits on some rows depend on; `control` is as for `fill`."""
        parts = [(self.digests[i], recipe.weights[i]) for i in recipe.members]
        return digest_of(self.task.key(rows), parts, self._statistics_key if control or recipe.size > 1 else None)

    @cached_property
    def _statistics_key(self) -> list[Any]:
        """What the BatchNorm statistics of a soup depend on, beside its members."""
        if self.batchnorm != "recompute":
            return [self.batchnorm]
        return [self.batchnorm, statistics_rows(self.task).tolist()]

    def collect(self) -> LogitBank:
        """The logits of all ingredients on all rows of the task's data; one pass for each that is not on disk.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: logits that are not finite, labels out of range, classes in another order than the checkpoints',
                or stored logits that no longer match what the network gives. All passes completed so far are kept.
        """
        rows = self.task.rows
        _ = self.networks.network  # before the folder is tied to these inputs: one that does not fit leaves it as it is
        self._settle()  # what was completed decides whether the folder takes other inputs
        self.bind()
        if self.recomputes:
            check_sizes(self.task)
            self.networks.by_pool_names(statistics_of(self.networks.network))
        self.networks.prove()
        singles = [Recipe.subset(self.pool.names, [i]) for i in range(len(self.pool))]
        stored = [self._ingredients.get(recipe.member_names[0], self.key(recipe, rows)) for recipe in singles]
        known = next((i for i, logits in enumerate(stored) if logits is not None), None)
        if known is not None:
            self._check_unchanged(singles[known], stored[known])
        self._ingredients.write_labels(rows.labels, self.task.split[0])
        with self.progress.stage("ingredients", sum(one is None for one in stored) * len(rows), "sample") as advance:
            arrays = [self.logits(recipe, "pass", advance=advance) for recipe in singles]
        return LogitBank(self.pool.names, arrays, rows.labels)

    def bind(self) -> None:
        """Ties the folder to pool, data and task code, or refuses it for being another run's.

        Raises:
            RunDirError: the folder was made with other inputs.
            DataError: data that would select and report, or a test set given twice.
        """
        check_classes(self.pool.class_names, self.task.rows, self.task.tests)
        self._survey()
        ingredients = dict(zip(self.pool.names, self.digests, strict=True))
        settings = {**self.task.settings, **self.pool.settings}
        bind_inputs(self.ledger, self.folder, ingredients, task_inputs(self.task), settings)

    def _survey(self) -> None:
        """Reads the contents of images, unless the ledger knows them, and finds those that cannot be read."""
        memory = self.ledger.fact("digests of data", {})
        known = len(memory)
        for rows in (self.task.rows, *self.task.tests.values()):
            rows.survey(memory, self.progress)
        if len(memory) > known:
            self.ledger.set_fact("digests of data", memory)

    def _settle(self) -> None:
        """Clears up after a process that was killed: its ledger entries, and what it left half-written."""
        folders = (self._ingredients, self._soups, self._controls, *self._tests.values())
        complete = self._statistics.keys().union(*(logits.keys() for logits in folders))
        self.ledger.recover(lambda key: key in complete)
        for folder in (self.folder, self._statistics.folder, *(logits.folder for logits in folders)):
            remove_leftovers(folder)

    def logits(
        self, recipe: Recipe, kind: Kind, *, on: str | None = None, advance: Advance | None = None
    ) -> Float32[np.ndarray, "M C"]:
        """Logits of one recipe, from disk if they were evaluated before, else from a charged forward pass.

        Arguments:
            recipe: over the pool of this evaluator.
            kind: `pass` for an ingredient or `soup` for a soup, on the task's data; `test` for either on a test set;
                `control` for an ingredient with recomputed BatchNorm statistics, on the data or on a test set.
            on: which test set; for `test`, the first by default.
            advance: told the samples that are done; by default a forward pass is a stage of its own.
        """
        (folder, rows), control = self._place(kind, on), kind == "control"
        key = self.key(recipe, rows, control=control)
        name = _stored_as(recipe, key, kind)
        logits = folder.get(name, key)
        if logits is None:
            self.networks.prove()  # before anything is charged: a network that does not fit costs nothing
            with self.ledger.charge(kind, key, str(recipe), len(rows)):
                self.fill(recipe, control=control)
                if advance is not None:
                    self._run(folder, name, key, recipe, rows, advance)
                else:
                    what = kind if on in (None, kind) else f"{kind} {on}"
                    with self.progress.stage(f"{what}, {recipe.size} averaged", len(rows), "sample") as own:
                        self._run(folder, name, key, recipe, rows, own)
            logits = folder.get(name, key)
            assert logits is not None  # written just now
        return logits

    def is_stored(self, recipe: Recipe, kind: Kind) -> bool:
        """Whether the logits of a recipe are on disk already."""
        folder, rows = self._place(kind)
        key = self.key(recipe, rows)
        return folder.get(_stored_as(recipe, key, kind), key) is not None

    def fill(self, recipe: Recipe, *, control: bool = False) -> torch.nn.Module:
        """The task's one network, filled with a soup; `control` recomputes an ingredient's statistics like a soup's."""
        network = self.networks.filled(recipe)
        if self.recomputes and (control or recipe.size > 1):
            return self._recompute(recipe, network)
        return network

    @property
    def recomputes(self) -> bool:
        """Whether soups get statistics of their own, so that they are fairly compared with controls only."""
        return self.batchnorm == "recompute" and keeps_statistics(self.networks.network)

    def _recompute(self, recipe: Recipe, network: torch.nn.Module) -> torch.nn.Module:
        key = self._key_of_statistics(recipe)
        known = self._statistics.get(key)
        if known is None:
            with self.ledger.charge("statistics", key, str(recipe), len(statistics_rows(self.task))):
                self._batch.halving(str(recipe), lambda size: recompute_statistics(network, self.task, size))
                known = statistics_of(network)
                self._statistics.store(key, known)
        return self.networks.with_statistics(recipe, known)

    def _key_of_statistics(self, recipe: Recipe) -> str:
        """Another than that of the soup's logits: after a kill, the ledger tells by keys which of the two are there."""
        return digest_of("statistics", self.key(recipe, self.task.rows, control=True))

    def recomputed(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """BatchNorm statistics that a soup has beside the average of its members; empty unless they are recomputed."""
        if not self.recomputes or recipe.size == 1:
            return {}
        known = self._statistics.get(self._key_of_statistics(recipe))
        if known is None:
            known = statistics_of(self.fill(recipe))
        return self.networks.by_pool_names(known)

    def first_batch(self) -> Float32[np.ndarray, "b C"]:
        """Logits of the network, as it is filled now, on the first batch of the data; charged nowhere."""

        def run(size: int) -> Float32[np.ndarray, "b C"]:
            with closing(self.task.logits(self.networks.network, self.task.rows, size)) as batches:
                return next(batches)

        return self._batch.halving("the first batch", run)

    def _place(self, kind: Kind, on: str | None = None) -> tuple[LogitFolder, Rows]:
        if kind == "test":
            name = on or next(iter(self.task.tests))  # callers ask for test logits only where there is a test set
            return self._tests[name], self.task.tests[name]
        if kind == "control":
            return self._controls, self.task.tests[on] if on else self.task.rows
        return self._ingredients if kind == "pass" else self._soups, self.task.rows

    def _run(self, folder: LogitFolder, name: str, key: str, recipe: Recipe, rows: Rows, advance: Advance) -> None:
        """One pass over the rows, written as it goes; a pass that runs out of memory is started over."""

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
        self.fill(recipe)
        fresh = self.first_batch()
        expected = stored[: len(fresh)]
        scale = max(1.0, float(np.abs(expected).max()))
        difference = float(np.abs(fresh - expected).max()) if fresh.shape == expected.shape else np.inf
        if not difference <= tolerance(self.networks.network, self.task) * scale:
            raise DataError(
                f"{recipe}: the logits stored in {self._ingredients.folder} differ by {difference:.3g} from what the "
                "network gives now, for the same checkpoint, data and task code. Either the network is not "
                "deterministic, or it reads something else that changed; then use another run folder"
            )


def _stored_as(recipe: Recipe, key: str, kind: Kind) -> str:
    if kind == "control":
        return f"control-{key[:16]}"
    return recipe.member_names[0] if recipe.size == 1 else f"soup-{key[:16]}"
