"""The expensive objective: builds a soup and evaluates it for real."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, Float64, Int64, Shaped

from radin.common.arguments import check_arguments
from radin.common.progress import SILENT, Progress
from radin.errors import InputError, RadinError
from radin.evaluation.arguments import check_inputs
from radin.evaluation.ended import note_end
from radin.evaluation.evaluation import Evaluation, Statistics
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.keys import Keys
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.stages import collect, common_bank, recorded_race
from radin.evaluation.workers import Workers
from radin.recipe import Recipe, as_proposals
from radin.scoring.kinds import Kind
from radin.scoring.logit_bank import LogitBank, row_groups
from radin.scoring.objective import Proposal, Unit
from radin.searching.ledger import Ledger
from radin.tasks.labelled import scored_columns
from radin.tasks.task import Task
from radin.weights.pool import Pool

if TYPE_CHECKING:
    from radin.evaluation.settings import Settings

UnseenData = Literal["test", "held-back", "selection"]


class Verifier:
    """Scores recipes by building the soup and running it on the task's selection data; an `Objective`.

    The ingredients are run first, one pass each, unless their logits are in the folder already. A one-ingredient
    recipe is the ingredient, so it costs nothing more. Every soup is evaluated once: its logits stay in the folder,
    and asking for it again, in this process or a later one, reads them.

    Arguments:
        pool: the ingredients.
        task: what they are run on; its metric is the score, without any prior.
        run_dir: the folder for logits and ledger.
        batchnorm: policy for BatchNorm statistics of soups: `average`, `recompute` or `keep`, see `radin.make_soup`.
        race: runs the ingredients in stages and drops those that can no longer matter, see
            `radin.evaluation.racing`: `pool` and `names` are then those that ran in full. By default all do: a search
            on real soups needs them all. `recorded` races by the rule of the last run in the folder, if that raced.
        workers: processes that run the networks, see `radin.Workers`; by default this one does.
        progress: watches the passes.

    Attributes:
        pool: the ingredients that ran in full, in the order of the pool.
        dropped: those that a race dropped.
        at_once: soups that are evaluated side by side, if several are asked for.

    Raises:
        InputError: no pool, no task, or another argument of a wrong type.
        RunDirError: another process uses the run folder, or it was made with other inputs.
        IncompatibleError: the pool does not fit the task's network, or holds one model twice.
        DataError: logits that are not finite, labels out of range, data that shuffle.
    """

    unit: Unit = "soup"

    def __init__(
        self,
        pool: Pool,
        task: Task,
        run_dir: str | os.PathLike[str],
        *,
        batchnorm: str = "recompute",
        race: bool | RaceSettings | Literal["recorded"] = False,
        workers: Workers | None = None,
        progress: Progress = SILENT,
    ) -> None:
        check_inputs(pool, task)
        check_arguments(run_dir=run_dir, progress=progress)
        self.task, self.progress = task, progress
        self.at_once = 1 if workers is None else workers.at_once
        self._workers = workers
        settings = None if race == "recorded" else RaceSettings.of(race)
        self.folder = RunFolder(run_dir)
        self._made: Evaluator | None = None
        try:
            settings = recorded_race(self.folder) if race == "recorded" else settings
            self._made = self._evaluator = Evaluator(
                pool, task, self.folder, batchnorm=batchnorm, workers=workers, progress=progress
            )
            self.collection = collect(self._evaluator, settings)
        except RadinError:
            self.close(refused=True)
            raise
        except BaseException:
            self.close()
            raise
        self.bank: LogitBank = self.collection.bank
        self.dropped = self.collection.dropped
        self.pool = pool.only(self.collection.members) if self.dropped else pool
        self.selection_rows, self.held_back_rows = task.split

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self, *, refused: bool = False) -> None:
        """Lets go of the run folder, and of workers.

        Arguments:
            refused: the run has not begun, so that a folder which holds nothing of it need not stay.
        """
        try:
            if self._made is not None:
                self._made.close()
        finally:
            if refused:
                self.folder.discard()
            else:
                self.folder.close()

    @property
    def ledger(self) -> Ledger:
        """The ledger of the run folder."""
        return self.folder.ledger

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""
        return self.pool.names

    @property
    def batchnorm(self) -> str:
        """Policy for BatchNorm statistics of soups; `average` where there are none."""
        return self._evaluator.batchnorm

    @property
    def threads(self) -> int:
        """Threads of PyTorch in each process that runs networks; of another number, last bits of logits may differ."""
        return torch.get_num_threads() if self._workers is None else self._workers.threads

    @property
    def recomputes(self) -> bool:
        """Whether soups have statistics of their own, so that ingredients with the like are their fair comparison."""
        return self._evaluator.recomputes

    @property
    def remarks(self) -> tuple[str, ...]:
        """Facts about the network that a reader of the results should know."""
        return self._evaluator.networks.remarks

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that scores depend on, beside pool and data."""
        return {"metric": self.task.scored_by.name, "batchnorm": self.batchnorm}

    @cached_property
    def all_rows(self) -> LogitBank:
        """Logits on all rows of the data, held-back ones included; in memory, and run and charged where need be."""
        singles = [Recipe.subset(self.names, [i]) for i in range(len(self.names))]
        rows = self.task.rows
        outputs = [self.logits(single) for single in singles]
        return LogitBank.of_samples(self.names, outputs, rows.labels, rows.kind, rows.groups)

    @property
    def in_full_before(self) -> int:
        """Ingredients of this pool that version 0.1 ran on all rows at once, those that are held back now included."""
        full = {self._evaluator.archive.key(single) for single in self._evaluator.singles()}
        return len(full & self.ledger.keys("pass")) if len(self.held_back_rows) else 0

    @cached_property
    def common(self) -> LogitBank:
        """Logits of the whole pool, dropped ones included, on the selecting rows that all of it ran on."""
        return common_bank(self._evaluator, self.collection)

    @cached_property
    def keys(self) -> Keys:
        """Makes the keys of what is stored in the run folder for the ingredients that ran in full."""
        fingerprints = [self._evaluator.fingerprints[i] for i in self.collection.members]
        return Keys(self.task, fingerprints, self.batchnorm, self._evaluator.references.key)

    def keys_of(self, members: Sequence[int]) -> Keys:
        """Makes the keys of what is stored for some of the ingredients that ran in full, by their indices."""
        fingerprints = [self._evaluator.fingerprints[self.collection.members[i]] for i in members]
        return Keys(self.task, fingerprints, self.batchnorm, self._evaluator.references.key)

    def _evaluation(self, recipe: Recipe, *, statistics: Statistics = "own", test: str | None = None) -> Evaluation:
        """The evaluation of a recipe, over the whole pool."""
        return self._evaluator.evaluation(self._whole(recipe), statistics=statistics, test=test)

    def _whole(self, recipe: Recipe) -> Recipe:
        """The same recipe over the whole pool, those that were dropped included."""
        if not self.dropped:
            return recipe
        return Recipe.of(self._evaluator.pool.names, recipe.to_json())

    @property
    def scope(self) -> str:
        """Fingerprint of pool, data and task code, and of the samples that select."""
        return self.keys.scope

    @property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score on the selection data."""
        metric, m = self.task.scored_by, self.bank.n_samples
        scores = [metric.score(self.bank.read(i, 0, m), self.bank.labels) for i in range(len(self.bank))]
        return np.array(scores, dtype=np.float64)

    @property
    def whole(self) -> Pool:
        """The pool before a race, the ingredients that it dropped included."""
        return self._evaluator.pool

    def baseline_logits(self, recipe: Recipe) -> Float32[np.ndarray, "m ..."]:
        """Logits of a baseline on the selection data; run and charged as a baseline, if need be.

        Arguments:
            recipe: over the pool, or over the whole pool.

        Raises:
            NonFiniteError: the logits are not finite. The run folder remembers it.
        """
        return self._selected_rows(self._evaluator.logits(self._evaluation(recipe), baseline=True))

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, one real soup each."""
        recipes = [Recipe.of(self.names, row) for row in as_proposals(weights, len(self.names))]
        for start in range(0, len(recipes), self.at_once):
            together = [one for one in recipes[start : start + self.at_once] if one.size > 1]
            self._evaluator.run([self._evaluation(recipe) for recipe in together])
        return np.array([self.score(recipe) for recipe in recipes], dtype=np.float64)

    def score(self, recipe: Recipe) -> float:
        """Score of one recipe on the selection data; higher is better."""
        return self.task.scored_by.score(self.selection_logits(recipe), self.bank.labels)

    def tie_break(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """The kind's smooth loss of soups on the selection data; it orders recipes of equal score."""
        recipes = [Recipe.of(self.names, row) for row in as_proposals(weights, len(self.names))]
        means = [self.bank.kind.losses(self.selection_logits(one), self.bank.labels).mean() for one in recipes]
        return np.array(means, dtype=np.float64)

    def unseen_logits(
        self, recipe: Recipe, on: str | None = None, *, statistics: Statistics = "own", baseline: bool = False
    ) -> tuple[UnseenData, Shaped[np.ndarray, "M ..."], Float32[np.ndarray, "M ..."]]:
        """Logits of one recipe on data that selected nothing: the test set, else the held-back part of the data.

        Where there is neither it is the selection data, and the first value says so.

        Arguments:
            recipe: over the pool.
            on: which of several test sets; the first by default.
            statistics: `recomputed` gives an ingredient BatchNorm statistics like those of soups.
            baseline: remembers in the run folder that logits are not finite, instead of running them again.

        Returns:
            which data, their labels, and the logits: those of its own classes, on a test set that has a part of them.
            On a test set, and on held-back data, this costs one pass over these the first time.

        Raises:
            InputError: there is no test set of this name.
            NonFiniteError: the logits are not finite.
        """
        if on is not None and on not in self.task.tests:
            raise InputError(f"there is no test set {on!r}; there are: {', '.join(self.task.tests) or 'none'}")
        if self.task.tests:
            name = on or next(iter(self.task.tests))
            tested = self.task.tests[name]
            tests = self._evaluation(recipe, statistics=statistics, test=name)
            logits = scored_columns(self._evaluator.logits(tests, baseline=baseline), tested.columns)
            return "test", *_labelled_rows(tested.kind, tested.labels, logits)
        if not len(self.held_back_rows):
            return "selection", self.bank.labels, self.selection_logits(recipe, statistics=statistics)
        evaluation, labels = self._evaluation(recipe, statistics=statistics), self.task.rows.labels
        logits = self._evaluator.held_back(evaluation, baseline=baseline)
        return "held-back", *_labelled_rows(self.task.kind, labels[self.held_back_rows], logits)

    def unseen_groups(self, on: str | None = None) -> Int64[np.ndarray, " M"] | None:
        """The groups of the rows that `unseen_logits` gives; None where each row is a group of its own."""
        if self.task.tests:
            tested = self.task.tests[on or next(iter(self.task.tests))]
            return row_groups(tested.kind, tested.labels, tested.groups)
        if not len(self.held_back_rows):
            return self.bank.groups
        rows, held_back = self.task.rows, self.held_back_rows
        groups = None if rows.groups is None else rows.groups[held_back]
        return row_groups(rows.kind, rows.labels[held_back], groups)

    def selection_logits(self, recipe: Recipe, *, statistics: Statistics = "own") -> Float32[np.ndarray, "m ..."]:
        """Logits of one recipe on the selection data, the rows of `bank`; `statistics` as for `unseen_logits`."""
        if recipe.size == 1 and statistics == "own" and recipe.names == self.names:
            return self.bank.logits(recipe.members[0])
        return self._selected_rows(self._evaluator.logits(self._evaluation(recipe, statistics=statistics)))

    def _selected_rows(self, logits: Float32[np.ndarray, "m ..."]) -> Float32[np.ndarray, "r ..."]:
        """The rows of outputs on the selecting samples."""
        return _labelled_rows(self.task.kind, self.task.rows.labels[self.selection_rows], logits)[1]

    def logits(self, recipe: Recipe, *, statistics: Statistics = "own") -> Float32[np.ndarray, "M ..."]:
        """Logits of one recipe on all samples of the task's data, those held back included, in the data's order.

        Held-back samples that were not run yet are run and charged.
        """
        evaluation = self._evaluation(recipe, statistics=statistics)
        selected = self._evaluator.logits(evaluation)
        if not len(self.held_back_rows):
            return selected
        held_back = self._evaluator.held_back(evaluation)
        order = np.argsort(np.concatenate([self.selection_rows, self.held_back_rows]))
        return self.task.kind.join([selected, held_back])[order]

    def network(self, recipe: Recipe) -> torch.nn.Module:
        """The task's one network, filled with the soup of a recipe until it is filled with another."""
        return self._evaluator.fill(self._evaluation(recipe))

    def recomputed(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """BatchNorm statistics that a soup has beside the average of its members; empty unless they are recomputed."""
        return self._evaluator.recomputed(self._whole(recipe))

    def evaluated(self) -> list[Recipe]:
        """The soups whose logits are in the run folder, for these ingredients and data, in the order of evaluation."""
        recipes = []
        for about in self.folder.soups.entries().values():
            weights = about.get("recipe", {})
            if weights and weights.keys() <= set(self.names):
                recipe = Recipe.of(self.names, weights)
                if self._evaluator.archive.is_stored(self._evaluation(recipe)):
                    recipes.append(recipe)
        return recipes

    def note_end(self, settings: Settings, soups: Iterable[Recipe]) -> None:
        """Notes in the run folder that a run has ended, so that a plan knows what is left of it.

        Arguments:
            settings: of the run.
            soups: that it evaluated, over the pool or over the whole pool.
        """
        note_end(self._evaluator, settings, [self._evaluation(one) for one in dict.fromkeys(soups) if one.size > 1])

    def seconds(self, recipes: Iterable[Recipe]) -> float:
        """Wall-clock seconds that the real soups of these recipes took when they were evaluated."""
        keys = set[str]().union(*(self._evaluator.archive.keys_of(self._evaluation(recipe)) for recipe in recipes))
        return self.ledger.seconds("soup", keys)


def _labelled_rows(
    kind: Kind, labels: Shaped[np.ndarray, "M ..."], outputs: Float32[np.ndarray, "M ..."]
) -> tuple[Shaped[np.ndarray, "r ..."], Float32[np.ndarray, "r ..."]]:
    """Labels and outputs of some samples, row by row."""
    rows, labels = kind.rows(labels), kind.scored(labels)
    if rows is None:
        return labels, outputs
    return labels.reshape(-1)[rows], outputs.reshape(-1, outputs.shape[-1])[rows]
