"""Collecting: the logits of a pool's ingredients, all in full, or in the stages of a race that drops some early."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from radin.common.wording import counted
from radin.evaluation.judging import Standing, judged_by
from radin.evaluation.race_rows import Given, SeenRows
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.racing import RaceResult, Run, race, race_course
from radin.scoring.logit_bank import LogitBank

if TYPE_CHECKING:
    from collections.abc import Iterator

    from radin.common.progress import Advance
    from radin.evaluation.evaluation import Evaluation
    from radin.evaluation.evaluator import Evaluator
    from radin.evaluation.run_folder import RunFolder
    from radin.tasks.task import Task


@dataclass(frozen=True)
class Dropped:
    """An ingredient that a race dropped.

    Attributes:
        name: the ingredient's.
        rows: selecting samples that it was judged on.
        value: the metric's value on them.
        score: its mean log-likelihood on them, or what else the race looked at first; higher is better.
        behind: the best ingredient's score on them minus this one's.
        error: paired standard error of that difference.
        chosen: stepwise selections on random halves of them that took it.
        selections: these selections in all.
        judged_by: the name of the score: `log-likelihood`, in nats, `squared error`, or the metric's.
    """

    name: str
    rows: int
    value: float
    score: float
    behind: float
    error: float
    chosen: int
    selections: int
    judged_by: str = "log-likelihood"

    @property
    def why(self) -> str:
        """The reason, in a few words."""
        errors = f", {self.behind / self.error:.1f} standard errors" if self.error > 0 else ""
        taken = f"{self.chosen or 'none'} of {counted(self.selections, 'stepwise selection')} took it"
        what = "nats of log-likelihood" if self.judged_by == "log-likelihood" else f"of {self.judged_by}"
        return f"{self.behind:.4g} {what} behind the best{errors}; {taken}"

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return asdict(self) | {"why": self.why}


@dataclass(frozen=True)
class Collection:
    """The logits that were collected.

    Attributes:
        members: indices in the pool of the ingredients that ran in full, ascending.
        bank: their logits on the selecting rows.
        dropped: the others, in the order in which they were dropped.
        common: samples of the data that all ingredients ran on; None for all that select.
        no_race: the reason why all ran in full though a race was to be held; else empty.
    """

    members: tuple[int, ...]
    bank: LogitBank
    dropped: tuple[Dropped, ...] = ()
    common: Int64[np.ndarray, " k"] | None = None
    no_race: str = ""


def recorded_race(folder: RunFolder) -> RaceSettings | None:
    """The settings by which the ingredients of a run folder raced last; None if they ran in full."""
    known = folder.race
    return None if known is None else RaceSettings(**known | {"stages": tuple(known["stages"])})


def against_race(task: Task, n: int, settings: RaceSettings) -> str:
    """The reason why a pool of `n` ingredients runs in full though a race is asked for; empty if it races."""
    if n < settings.smallest_pool:
        return f"pools of fewer than {settings.smallest_pool} ingredients run in full"
    if not task.rows.can_choose:
        return f"{task.rows.what}: samples cannot be read in a chosen order, so all ingredients run in full"
    if len(course_of(task, n, settings)[1]) == 1:
        groups = _selecting_groups(task)
        among = "" if groups is None else f" of {counted(len(np.unique(groups)), 'group')}"
        least = "" if groups is None else f" of at least {settings.first_groups} groups"
        return (
            f"{counted(len(task.split[0]), 'selecting sample')}{among} are too few for a race, which is first judged "
            f"after {settings.first_rows} samples{least}"
        )
    return ""


def course_of(task: Task, n: int, settings: RaceSettings) -> tuple[Int64[np.ndarray, " m"], tuple[int, ...]]:
    """The order in which `n` ingredients would run the selecting samples, and where stages end, see `race_course`.

    The order is one of places among the selecting samples.
    """
    return race_course(settings, n, task.rows.strata[task.split[0]], task.split_seed, _selecting_groups(task))


def _selecting_groups(task: Task) -> Int64[np.ndarray, " m"] | None:
    """The groups of the selecting samples; None where each is one of its own."""
    return None if task.rows.groups is None else task.rows.groups[task.split[0]]


def collect(evaluator: Evaluator, settings: RaceSettings | None) -> Collection:
    """The logits of the ingredients on the selecting rows, from the run folder as far as they are there.

    Arguments:
        evaluator: runs them.
        settings: of the race; None runs all in full.

    Raises:
        RunDirError: the folder was made with other inputs.
        DataError: logits that are not finite, labels out of range, classes in another order than the checkpoints',
            or stored logits that no longer match what the network gives. All that was completed so far is kept.
    """
    singles, task = evaluator.open(), evaluator.task
    selecting = task.split[0]
    reason = "" if settings is None else against_race(task, len(singles), settings)
    if settings is None or reason:
        _remember(evaluator.folder, None)
        bank = evaluator.bank(evaluator.in_full(singles))
        evaluator.folder.write_absent(())
        return Collection(tuple(range(len(singles))), bank, no_race=reason)
    _remember(evaluator.folder, settings)

    def run(ingredients: Int64[np.ndarray, " k"], rows: Int64[np.ndarray, " m"]) -> Sequence[Given]:
        if len(rows) == len(selecting):
            return ()  # nothing is judged any more; the survivors are completed below
        return _beginnings(evaluator, [singles[i] for i in ingredients], selecting[rows], len(selecting))

    found = _raced(task, len(singles), run, settings)
    members = tuple(int(i) for i in found.survivors)
    dropped = tuple(_dropped(evaluator, one, singles, selecting[found.order[: one.rows]]) for one in found.dropped)
    lacking = [one for one in found.dropped if not evaluator.archive.is_in_bank(singles[one.ingredient])]
    evaluator.folder.write_absent([evaluator.pool.names[one.ingredient] for one in lacking])
    common = selecting[found.order[: int(found.rows.min())]] if dropped else None
    bank = evaluator.bank(evaluator.in_full([singles[i] for i in members]), members)
    unjudged = f"it cannot be judged by {task.scored_by.name} on a part of the samples"
    return Collection(members, bank, dropped, common, "" if found.stages else unjudged)


def _raced(task: Task, n: int, run: Run, settings: RaceSettings) -> RaceResult:
    """The race of `n` ingredients on a task's selecting samples."""
    rows, selecting = task.rows, task.split[0]
    how: dict[str, Any] = {"kind": task.kind, "strata": rows.strata[selecting], "groups": _selecting_groups(task)}
    return race(n, rows.labels[selecting], task.scored_by, run, settings, task.split_seed, **how)


def foregone(evaluator: Evaluator, settings: RaceSettings) -> RaceResult | None:
    """The race that stored outputs decide, as they do where one by these settings was held; None where some are not.

    Nothing is run. What survivors lack of the selecting samples does not matter here.

    Arguments:
        evaluator: knows what is stored.
        settings: of a race that is held, see `against_race`.
    """
    selecting = evaluator.task.split[0]
    known = [evaluator.archive.known(single) for single in evaluator.singles()]

    def run(ingredients: Int64[np.ndarray, " k"], rows: Int64[np.ndarray, " m"]) -> Sequence[Given]:
        if len(rows) == len(selecting):
            return ()
        if any(len(known[i].missing(selecting[rows])) for i in ingredients):
            raise _NotStoredError
        return [known[i].read(selecting[rows]) for i in ingredients]

    try:
        return _raced(evaluator.task, len(known), run, settings)
    except _NotStoredError:
        return None


class _NotStoredError(Exception):
    """Outputs that a race would be judged by are not stored."""


def common_bank(evaluator: Evaluator, collection: Collection) -> LogitBank:
    """The logits of the whole pool on the selecting rows that all of it ran on."""
    labels, rows = evaluator.task.rows.labels, collection.common
    if rows is None:
        return collection.bank
    arrays = [evaluator.archive.known(single).read(rows) for single in evaluator.singles()]
    groups = None if evaluator.task.rows.groups is None else evaluator.task.rows.groups[rows]
    return LogitBank.of_samples(evaluator.pool.names, arrays, labels[rows], evaluator.task.kind, groups)


def _remember(folder: RunFolder, settings: RaceSettings | None) -> None:
    """Records by which rule the ingredients raced last, so that a diagnosis asks for no more rows than there are."""
    about = None if settings is None else json.loads(json.dumps(asdict(settings)))
    if folder.race != about:
        folder.race = about


def _beginnings(
    evaluator: Evaluator, singles: Sequence[Evaluation], rows: Int64[np.ndarray, " k"], selecting: int
) -> list[Given]:
    missing = sum(len(evaluator.archive.known(single).missing(rows)) for single in singles)
    what = f"ingredients, {len(rows)} of {selecting} samples"
    if missing:
        evaluator.runner.prepare()
    with _stage(evaluator, what, missing) as advance:
        return list(evaluator.beginnings(singles, rows, advance))


@contextmanager
def _stage(evaluator: Evaluator, what: str, missing: int) -> Iterator[Advance]:
    """A stage of progress, unless nothing is left to do in it."""
    if not missing:
        yield lambda done: None
        return
    with evaluator.progress.stage(what, missing, "sample") as advance:
        yield advance


def _dropped(
    evaluator: Evaluator, one: Standing, singles: Sequence[Evaluation], rows: Int64[np.ndarray, " k"]
) -> Dropped:
    given, task = evaluator.archive.known(singles[one.ingredient]).read(rows), evaluator.task
    seen = SeenRows.of(task.kind, task.rows.labels[rows], None)
    return Dropped(
        name=evaluator.pool.names[one.ingredient],
        rows=one.rows,
        value=task.scored_by.value(seen.outputs(given), seen.labels),
        score=one.score,
        behind=one.behind,
        error=one.error,
        chosen=one.chosen,
        selections=one.selections,
        judged_by=judged_by(task.scored_by, task.kind),
    )
