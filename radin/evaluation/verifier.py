"""The expensive objective: builds a soup and evaluates it for real."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32, Float64, Int64

from radin.common.files import digest_of
from radin.common.progress import SILENT, Progress
from radin.errors import InputError
from radin.evaluation.evaluator import Evaluator
from radin.recipe import Recipe, as_proposals
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import losses
from radin.scoring.objective import Proposal, Unit
from radin.searching.budget import Ledger
from radin.tasks.labelled import scored_columns
from radin.tasks.task import Task
from radin.weights.pool import Pool

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
        ledger: an open ledger to charge; by default the one in the run folder, which `close` lets go of.
        batchnorm: policy for BatchNorm statistics of soups: `average`, `recompute` or `keep`, see `radin.make_soup`.
        progress: watches the passes.

    Raises:
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
        ledger: Ledger | None = None,
        batchnorm: str = "recompute",
        progress: Progress = SILENT,
    ) -> None:
        self._owns_ledger = ledger is None
        self.ledger = Ledger(Path(run_dir) / "ledger.db") if ledger is None else ledger
        try:
            self.evaluator = Evaluator(pool, task, run_dir, self.ledger, batchnorm=batchnorm, progress=progress)
            self.all_rows = self.evaluator.collect()
        except BaseException:
            self.close()
            raise
        self.pool, self.task = pool, task
        self.selection_rows, self.held_back_rows = task.split
        self.bank: LogitBank = self.all_rows.take(self.selection_rows)

    def __enter__(self) -> Verifier:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the ledger, if this verifier opened it."""
        if self._owns_ledger:
            self.ledger.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""
        return self.pool.names

    @property
    def settings(self) -> dict[str, Any]:
        """What, beside pool and data, the scores depend on."""
        return {"metric": self.task.scored_by.name, "batchnorm": self.evaluator.batchnorm}

    @property
    def scope(self) -> str:
        """Digest of pool, data and task code, and of the samples that select."""
        task = self.task
        return digest_of(self.evaluator.digests, task.key(task.rows), self.selection_rows.tolist())

    @property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score on the selection data."""
        metric, m = self.task.scored_by, self.bank.n_samples
        scores = [metric.score(self.bank.read(i, 0, m), self.bank.labels) for i in range(len(self.bank))]
        return np.array(scores, dtype=np.float64)

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, one real soup each."""
        recipes = [Recipe.of(self.names, row) for row in as_proposals(weights, len(self.names))]
        return np.array([self.score(recipe) for recipe in recipes], dtype=np.float64)

    def score(self, recipe: Recipe) -> float:
        """Score of one recipe on the selection data; higher is better."""
        return self.task.scored_by.score(self.selection_logits(recipe), self.bank.labels)

    def tie_break(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Negative log-likelihood of soups on the selection data; it orders recipes of equal score."""
        recipes = [Recipe.of(self.names, row) for row in as_proposals(weights, len(self.names))]
        means = [losses(self.selection_logits(one), self.bank.labels).mean() for one in recipes]
        return np.array(means, dtype=np.float64)

    def unseen_logits(
        self, recipe: Recipe, on: str | None = None, *, control: bool = False
    ) -> tuple[UnseenData, Int64[np.ndarray, " M"], Float32[np.ndarray, "M C"]]:
        """Logits of one recipe on data that selected nothing: the test set, else the held-back part of the data.

        Where there is neither it is the selection data, and the first value says so.

        Arguments:
            recipe: over the pool.
            on: which of several test sets; the first by default.
            control: of an ingredient, with its BatchNorm statistics recomputed as those of soups are.

        Returns:
            which data, their labels, and the logits: those of its own classes, on a test set that has a part of them.
            On a test set this costs one pass the first time.

        Raises:
            InputError: there is no test set of this name.
        """
        if on is not None and on not in self.task.tests:
            raise InputError(f"there is no test set {on!r}; there are: {', '.join(self.task.tests) or 'none'}")
        if self.task.tests:
            name = on or next(iter(self.task.tests))
            tested = self.task.tests[name]
            logits = self.evaluator.logits(recipe, "control" if control else "test", on=name)
            return "test", tested.labels, scored_columns(logits, tested.columns)
        which: UnseenData = "held-back" if len(self.held_back_rows) else "selection"
        rows = self.held_back_rows if len(self.held_back_rows) else self.selection_rows
        return which, self.all_rows.labels[rows], self.logits(recipe, control=control)[rows]

    def selection_logits(self, recipe: Recipe, *, control: bool = False) -> Float32[np.ndarray, "m C"]:
        """Logits of one recipe on the selection data, the rows of `bank`; `control` is as for `unseen_logits`."""
        return self.logits(recipe, control=control)[self.selection_rows]

    def logits(self, recipe: Recipe, *, control: bool = False) -> Float32[np.ndarray, "M C"]:
        """Logits of one recipe on all rows of the task's data, those held back included, in the data's order."""
        if control:
            return self.evaluator.logits(recipe, "control")
        if recipe.size == 1:
            return self.all_rows.read(recipe.members[0], 0, self.all_rows.n_samples)
        return self.evaluator.logits(recipe, "soup")
