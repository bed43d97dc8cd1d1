"""The objective of scores from outside: writes each soup to a file, and asks the scorer for its number."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.common.files import fingerprint_of
from radin.common.progress import SILENT, Progress
from radin.errors import TaskError
from radin.evaluation.fingerprints import fingerprints_of
from radin.evaluation.inputs import Inputs
from radin.evaluation.run_folder import RunFolder
from radin.outside.score_folder import Outcome, ScoreFolder
from radin.outside.scorer import Scorer, ScorerFailure
from radin.recipe import Recipe, as_proposals
from radin.scoring.objective import Proposal, Unit
from radin.searching.budget import Kind
from radin.weights.averaging import average
from radin.weights.pool import Pool

#: If so many calls failed and none gave a number, the scorer is taken to be at fault. Chosen by hand.
FAILURES = 3


class OutsideObjective:
    """Scores recipes by a scorer, one real soup each; an `Objective`.

    Every network is scored once: its number stays in the run folder, and asking for it again, in this process or a
    later one, reads it. Single ingredients are scored when a search needs them, one call each, on the line of passes.
    A call that fails is charged, kept as it is, and scores -inf. Without any number, three failures end the run, and
    are not kept.

    Arguments:
        pool: the ingredients.
        scorer: gives the number of a checkpoint.
        run_dir: the folder for scores and ledger.
        batchnorm: what becomes of BatchNorm statistics: `average`, or `keep` those of the heaviest member.
        progress: watches the reading of checkpoints.

    Attributes:
        fingerprints: of the ingredients' contents, by name.
        asked: outcomes of this process, by recipe, in the order in which they were asked for.

    Raises:
        RunDirError: another process uses the run folder, or it was made with other inputs.
        IncompatibleError: the pool holds one model twice.
    """

    unit: Unit = "soup"

    def __init__(
        self,
        pool: Pool,
        scorer: Scorer,
        run_dir: str | os.PathLike[str],
        *,
        batchnorm: str = "average",
        progress: Progress = SILENT,
    ) -> None:
        self.pool, self.scorer, self.batchnorm = pool, scorer, batchnorm
        self.asked: dict[Recipe, Outcome] = {}
        self._calls = 0
        self.folder = RunFolder(run_dir)
        try:
            self.scores = ScoreFolder(self.folder.path / "scores")
            self.scores.prepare()
            finished = self.scores.keys()
            self.folder.ledger.recover(lambda key: key in finished)
            self.folder.settle()
            self._fingerprints = fingerprints_of(pool, self.folder, progress)
            self.fingerprints = dict(zip(pool.names, self._fingerprints, strict=True))
            self.folder.bind(Inputs(task={"data": "scores from outside"}, ingredients=self.fingerprints, settings={}))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> OutsideObjective:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Lets go of the run folder."""
        self.folder.close()

    @property
    def names(self) -> tuple[str, ...]:
        """The ingredients' names, in pool order."""
        return self.pool.names

    @property
    def settings(self) -> dict[str, Any]:
        """The settings that scores depend on, beside the pool."""
        higher = self.scorer.higher_is_better
        return {"scorer": self.scorer.key, "higher_is_better": higher, "batchnorm": self.batchnorm}

    @property
    def scope(self) -> str:
        """Fingerprint of the pool."""
        return fingerprint_of(self._fingerprints)

    @property
    def solo(self) -> Any:
        """Each ingredient's own score, `float64[n]`; runs those that have none yet once it is made an array."""
        return _OwnScores(self)

    def own_scores(self, members: Int64[np.ndarray, " k"]) -> Float64[np.ndarray, " k"]:
        """Scores of some ingredients alone; runs those that have none yet."""
        return np.array([self.score(Recipe.subset(self.names, [int(i)])) for i in members], dtype=np.float64)

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, one real soup each."""
        rows = as_proposals(weights, len(self.names))
        return np.array([self.score(Recipe.of(self.names, row)) for row in rows], dtype=np.float64)

    def score(self, recipe: Recipe) -> float:
        """Score of one recipe, higher is better; -inf where its call failed.

        Raises:
            TaskError: the first calls all failed.
        """
        outcome = self.outcome(recipe)
        self.asked.setdefault(recipe, outcome)
        if outcome.value is None:
            self._give_up_on_failures()
            return -np.inf
        return outcome.value if self.scorer.higher_is_better else -outcome.value

    def outcome(self, recipe: Recipe, scorer: Scorer | None = None) -> Outcome:
        """The number of one recipe, or why there is none. It is read where it is known.

        Arguments:
            recipe: over the pool.
            scorer: another one, which only reports; charged as a test.
        """
        by, ledger = scorer or self.scorer, self.folder.ledger
        kind: Kind = "test" if scorer else "pass" if recipe.size == 1 else "soup"
        key = self._key(recipe, by)
        known = self.scores.read(key)
        if known is not None and (known.limit is None or (by.seconds is not None and by.seconds <= known.limit)):
            return known
        self._calls += scorer is None
        ledger.lose(kind, key)  # its file is gone or damaged, or the call may now take longer
        with self._written(recipe) as checkpoint, ledger.charge(kind, key, str(recipe), 0):
            try:
                found = Outcome(key, recipe.to_json(), by(checkpoint, self.scores.place(key)))
            except ScorerFailure as failure:
                found = Outcome(key, recipe.to_json(), None, str(failure), failure.limit)
            self.scores.write(found)
        return found

    def _key(self, recipe: Recipe, scorer: Scorer) -> str:
        parts = [(self._fingerprints[i], recipe.weights[i]) for i in recipe.members]
        return fingerprint_of(scorer.key, parts, self.batchnorm if recipe.size > 1 else None)

    @contextmanager
    def _written(self, recipe: Recipe) -> Iterator[Path]:
        """The recipe's weights in a file, or a folder, that is there for the time of a call."""
        place = self.folder.path / ("candidate" if self.pool.is_folders else "candidate.safetensors")
        try:
            yield average(self.pool, recipe, place, batchnorm=self.batchnorm)
        finally:
            if place.is_dir():
                shutil.rmtree(place, ignore_errors=True)
            else:
                place.unlink(missing_ok=True)

    def _give_up_on_failures(self) -> None:
        """Ends the run where the first calls of this process all failed, and forgets them, so that they are made again.

        Raises:
            TaskError: says why the last one failed.
        """
        failed = [one for one in self.asked.values() if one.value is None]
        if len(failed) == len(self.asked) and self._calls >= min(FAILURES, len(self.names)):
            for recipe, one in self.asked.items():
                self.scores.forget(one.key)
                self.folder.ledger.lose("pass" if recipe.size == 1 else "soup", one.key)
            raise TaskError(
                f"the scorer gave no number for any of the first {len(failed)} networks; the last time {one.failure}. "
                f"All that it printed is in {self.scores.path}. Mend it and run again"
            )


class _OwnScores:
    """The own scores of all ingredients, called for when an array is made of them.

    Whether an object is an `Objective` is found by looking at its properties, which must not start N calls.
    """

    def __init__(self, objective: OutsideObjective) -> None:
        self._objective = objective

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        every = np.arange(len(self._objective.names))
        return self._objective.own_scores(every).astype(dtype or np.float64)
