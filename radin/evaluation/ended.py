"""Runs that have ended in a run folder, so that a plan knows what is left of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radin.common.files import fingerprint_of

if TYPE_CHECKING:
    from radin.evaluation.evaluation import Evaluation
    from radin.evaluation.evaluator import Evaluator
    from radin.evaluation.settings import Settings


@dataclass(frozen=True)
class Ended:
    """A run that has ended, and whose arrays are all there.

    Attributes:
        soups: its B.
        tests: names of its test sets.
    """

    soups: int
    tests: tuple[str, ...]


def note_end(evaluator: Evaluator, settings: Settings, soups: Sequence[Evaluation]) -> None:
    """Notes in the run folder that a run has ended, unless one of as many soups and on the same tests had before.

    Arguments:
        evaluator: of the run.
        settings: of the run.
        soups: that it evaluated, for itself and for baselines.
    """
    before, tests = ended_run(evaluator, settings), sorted(evaluator.task.tests)
    if before is not None and before.soups >= settings.soups and set(tests) <= set(before.tests):
        return
    keys = sorted(evaluator.archive.stored_key(one) for one in soups)
    about = {"soups": settings.soups, "tests": tests, "keys": keys, "missing": missing_rows(evaluator)}
    folder = evaluator.folder
    folder.ended = {**folder.ended, _key(evaluator, settings): about}


def ended_run(evaluator: Evaluator, settings: Settings) -> Ended | None:
    """The run with these settings, but for B, that has ended in the run folder; None where there is none.

    Also None where arrays are missing that it left there: something will be run again.

    Arguments:
        evaluator: of the same pool and task.
        settings: of the run that is asked for.
    """
    about = evaluator.folder.ended.get(_key(evaluator, settings))
    if about is None or about["missing"] != missing_rows(evaluator):
        return None
    if not set(about["keys"]) <= evaluator.folder.soups.keys():
        return None
    return Ended(about["soups"], tuple(about["tests"]))


def missing_rows(evaluator: Evaluator) -> int:
    """Rows of the selecting ones that ingredients have not run on: those that a race saved."""
    return sum(len(evaluator.archive.missing(single)) for single in evaluator.singles())


def _key(evaluator: Evaluator, settings: Settings) -> str:
    """Fingerprint of all that decides which soups are evaluated, but for their number."""
    made = settings.to_json({name: str(value) for name, value in (settings.options or {}).items()}, settings.criterion)
    made["soups"] = "several" if settings.soups > 1 else "one"  # where there is one, nothing is learnt from it
    metric = evaluator.task.scored_by.name
    return fingerprint_of(evaluator.archive.keys.scope, made, settings.batchnorm, metric)
