"""The objective of scores from outside: writes each soup to a file, and asks the scorer for its number."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
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
from radin.outside.scorer import Running, Scorer, Startable
from radin.outside.side_by_side import begun, environments, run_side_by_side
from radin.recipe import Recipe, as_proposals
from radin.scoring.objective import Proposal, Unit
from radin.searching.ledger import Kind
from radin.weights.averaging import average
from radin.weights.pool import Pool

#: If so many calls failed and none gave a number, the scorer is taken to be at fault. Chosen by hand.
FAILURES = 3

#: Networks lie in the run folder under this name while a scorer reads them.
CANDIDATE = "candidate"


class OutsideObjective:
    """Scores recipes by a scorer, one real soup each; an `Objective`.

    Every network is scored once: its number stays in the run folder, and asking for it again, in this process or a
    later one, reads it. Single ingredients are scored when a search needs them, one call each, on the line of passes.
    A call that fails is charged, kept as it is, and scores -inf. Without any number, three failures end the run, and
    are not kept. Calls that are asked for together run side by side, and give what one after the other gives.

    Arguments:
        pool: the ingredients.
        scorer: gives the number of a checkpoint.
        run_dir: the folder for scores and ledger.
        batchnorm: what becomes of BatchNorm statistics: `average`, or `keep` those of the heaviest member.
        workers: calls that may run side by side, each in a program of its own.
        progress: watches the reading of checkpoints.

    Attributes:
        at_once: recipes that are scored in one call: the workers.
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
        workers: int = 1,
        progress: Progress = SILENT,
    ) -> None:
        self.pool, self.scorer, self.batchnorm, self.at_once = pool, scorer, batchnorm, workers
        self.asked: dict[Recipe, Outcome] = {}
        self._called: set[str] = set()  # keys of the calls of this process
        self._environments = environments(workers)
        self.folder = RunFolder(run_dir)
        try:
            self.scores = ScoreFolder(self.folder.path / "scores")
            self.scores.prepare()
            for left in self.folder.path.glob(f"{CANDIDATE}-*"):  # by a process that was killed
                _remove(left)
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
        return self._scores([Recipe.subset(self.names, [int(i)]) for i in members])

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes, one real soup each."""
        return self._scores([Recipe.of(self.names, row) for row in as_proposals(weights, len(self.names))])

    def _scores(self, recipes: Sequence[Recipe]) -> Float64[np.ndarray, " k"]:
        """Scores of some recipes, higher is better; -inf where a call failed.

        Raises:
            TaskError: the first calls all failed.
        """
        sign, scores = 1.0 if self.scorer.higher_is_better else -1.0, np.full(len(recipes), -np.inf)
        done = 0
        while done < len(recipes):
            # Until a number shows that the scorer works, no more calls are made than run side by side.
            works = any(one.value is not None for one in self.asked.values())
            together = recipes[done:] if works else recipes[done : done + self.at_once]
            outcomes = self.outcomes(together)
            for recipe, outcome in zip(together, outcomes, strict=True):
                self.asked.setdefault(recipe, outcome)
                if outcome.value is None:
                    self._give_up_on_failures(dict(zip(together, outcomes, strict=True)))
                else:
                    scores[done] = sign * outcome.value
                done += 1
        return scores

    def outcomes(self, recipes: Sequence[Recipe], scorer: Scorer | None = None) -> list[Outcome]:
        """The number of each recipe, or why there is none. It is read where it is known.

        Arguments:
            recipes: over the pool.
            scorer: another one, which only reports; charged as tests.
        """
        by = scorer or self.scorer
        keys = [self._key(recipe, by) for recipe in recipes]
        found = {key: known for key in keys if (known := self._known(key, by)) is not None}
        fresh = {key: recipe for key, recipe in zip(keys, recipes, strict=True) if key not in found}
        self._called |= set(fresh if scorer is None else ())
        calls = [
            partial(self._call, found, "test" if scorer else _kind(recipe), by, key, recipe)
            for key, recipe in fresh.items()
        ]
        run_side_by_side(calls, self.at_once if isinstance(by, Startable) else 1)
        return [found[key] for key in keys]

    def outcome(self, recipe: Recipe, scorer: Scorer | None = None) -> Outcome:
        """The number of one recipe, see `outcomes`."""
        return self.outcomes([recipe], scorer)[0]

    @contextmanager
    def _call(
        self, found: dict[str, Outcome], kind: Kind, scorer: Scorer, key: str, recipe: Recipe, place: int
    ) -> Iterator[Running]:
        """A block in which the call for a recipe is under way; it is charged, and its outcome kept when the block ends.

        Arguments:
            found: outcomes by key, which gets the new one.
            kind: of the charge.
            scorer: that is called.
            key: of the outcome.
            recipe: over the pool.
            place: among the calls that run side by side.
        """
        ledger = self.folder.ledger
        ledger.lose(kind, key)  # its file is gone or damaged, or the call may now take longer
        with self._written(recipe, place) as checkpoint, ledger.charge(kind, key, str(recipe), 0):
            running = begun(scorer, checkpoint, self.scores.place(key), self._environments[place])
            try:
                yield running
                found[key] = Outcome.of(key, recipe, running)
                self.scores.write(found[key])
            finally:
                running.end()

    def _known(self, key: str, scorer: Scorer) -> Outcome | None:
        """The outcome that is kept under a key, unless its call took too long and may take longer now."""
        known = self.scores.read(key)
        if known is None or known.limit is None:
            return known
        return known if scorer.seconds is not None and scorer.seconds <= known.limit else None

    def _key(self, recipe: Recipe, scorer: Scorer) -> str:
        parts = [(self._fingerprints[i], weight) for i, weight in recipe.parts]
        return fingerprint_of(scorer.key, parts, self.batchnorm if recipe.size > 1 else None)

    @contextmanager
    def _written(self, recipe: Recipe, place: int) -> Iterator[Path]:
        """The recipe's weights in a file, or a folder, that is there for the time of a call.

        Arguments:
            recipe: over the pool.
            place: among the calls that run side by side.
        """
        name = f"{CANDIDATE}-{place + 1}" + ("" if self.pool.is_folders else ".safetensors")
        try:
            yield average(self.pool, recipe, self.folder.path / name, batchnorm=self.batchnorm)
        finally:
            _remove(self.folder.path / name)

    def _give_up_on_failures(self, beside: Mapping[Recipe, Outcome]) -> None:
        """Ends the run where the first calls of this process all failed, and forgets them, so that they are made again.

        Arguments:
            beside: outcomes of the calls that ran side by side with the last one.

        Raises:
            TaskError: says why the last one failed.
        """
        failed = [one for one in self.asked.values() if one.value is None]
        called = sum(one.key in self._called for one in failed)
        if len(failed) < len(self.asked) or called < min(FAILURES, len(self.names)):
            return
        for recipe, one in (self.asked | dict(beside)).items():
            if one.value is None:
                self.scores.forget(one.key)
                self.folder.ledger.lose(_kind(recipe), one.key)
        raise TaskError(
            f"the scorer gave no number for any of the first {len(failed)} networks; the last time "
            f"{failed[-1].failure}. All that it printed is in {self.scores.path}. Mend it and run again"
        )


def _kind(recipe: Recipe) -> Kind:
    """The kind of charge for a recipe's call."""
    return "pass" if recipe.size == 1 else "soup"


def _remove(path: Path) -> None:
    """Removes a file, or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


class _OwnScores:
    """The own scores of all ingredients, called for when an array is made of them.

    Whether an object is an `Objective` is found by looking at its properties, which must not start N calls.
    """

    def __init__(self, objective: OutsideObjective) -> None:
        self._objective = objective

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        every = np.arange(len(self._objective.names))
        return self._objective.own_scores(every).astype(dtype or np.float64)
