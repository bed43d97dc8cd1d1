"""The plan of a run: its cost, stated before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from radin.common.arguments import check_arguments
from radin.common.progress import SILENT, Progress
from radin.evaluation.arguments import check_inputs
from radin.evaluation.batchnorm import statistics_rows
from radin.evaluation.ended import ended_run
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.gram import MOST
from radin.evaluation.plan import Plan
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.settings import Settings
from radin.evaluation.stages import against_race, course_of, foregone
from radin.evaluation.timing import Timed, Work, peak_memory, side_by_side, timed_as_worker, timed_batch
from radin.evaluation.workers import Workers
from radin.scoring.criterion_default import CRITERION
from radin.scoring.kinds import Tokens
from radin.searching.budget import Budget
from radin.searching.plugins import Searcher, SearchFunction
from radin.tasks.data import Rows
from radin.tasks.task import Task
from radin.weights.pool import Pool

LOGIT_BYTES = 4

#: Of the distances between ingredients that are kept in the run folder: two matrices of their weights, one of logits.
GRAM_BYTES = 3 * 8

#: Networks that are run on every test set beside the baselines: the winner and the best ingredient.
TESTED = 2

#: Seconds below which nobody minds how long something takes. Chosen by hand.
NOTICED = 1.0

#: Classes that a plan names, so that a wrong folder is seen.
NAMED = 5


def plan(
    pool: Pool,
    task: Task,
    *,
    searcher: str | Searcher | SearchFunction = "forward",
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    lam: float = 0.0,
    seed: int = 0,
    run_dir: str | os.PathLike[str] = "radin-run",
    criterion: str = CRITERION,
    calibrate: bool = True,
    batchnorm: str = "recompute",
    race: bool | RaceSettings | None = None,
    baselines: Sequence[str] = ("uniform",),
    workers: int | str | Workers | None = None,
    progress: Progress = SILENT,
) -> Plan:
    """States what `make_soup` with these arguments will cost, from one timed batch and the files' headers.

    Two batches of the first ingredient are run, and two more where workers have another number of threads. Nothing is
    charged, and nothing is written to the run folder. Workers are not started.

    Arguments:
        pool, task, searcher, options, budget, lam, seed, run_dir, criterion, calibrate, batchnorm, race, baselines,
            workers, progress: as for `radin.make_soup`.

    Raises:
        RunDirError, IncompatibleError, DataError, TaskError: what `make_soup` would raise when it starts.
        InputError, PluginError: the same, or a number of workers that only a cluster could tell.
    """
    check_inputs(pool, task)
    check_arguments(run_dir=run_dir, progress=progress)
    settings = Settings.of(
        len(pool),
        searcher=searcher,
        options=options,
        budget=budget,
        lam=lam,
        seed=seed,
        criterion=criterion,
        calibrate=calibrate,
        batchnorm=batchnorm,
        race=race,
        baselines=baselines,
        workers=workers,
    )
    crew = settings.workers
    number = 0 if crew is None else crew.foreseen(task.torch_device.type == "cuda")
    with RunFolder.preview(run_dir) as folder:
        evaluator = Evaluator(pool, task, folder, batchnorm=batchnorm, workers=crew, progress=progress)
        evaluator.bind()
        return _stated(pool, task, settings, _look(evaluator, settings), number)


def _stated(pool: Pool, task: Task, settings: Settings, seen: _Look, number: int) -> Plan:
    """The plan of a run with these settings, on so many workers."""
    soups, beside, tested = seen.soups, seen.baselines, TESTED + len(settings.baselines)
    (samples, held_back), test_samples = map(len, task.split), sum(map(len, seen.tests.values()))
    held_back = 0 if seen.is_done else held_back
    recomputes, timed = seen.recomputes and not seen.is_done, seen.timed
    kept = (seen.missing + soups + beside + recomputes) * samples + (tested + recomputes) * (test_samples + held_back)
    # Statistics are computed once for each soup and for the control: the run folder keeps them.
    statistics = (soups + beside + 1) * len(statistics_rows(task)) if recomputes else 0
    fillings, averaged = float(seen.missing * seen.stages), (soups + beside) * len(pool) / 2
    work, crew = Work(fillings, averaged, kept + seen.reference_rows, statistics), settings.workers
    return Plan(
        ingredients=len(pool),
        passes=seen.missing,
        least_passes=seen.least,
        most_passes=seen.most,
        race=_about_race(task, len(pool), settings.race, timed),
        soups=soups,
        baselines=beside,
        tested=tested,
        samples=samples,
        held_back=held_back,
        outputs=task.kind.name,
        classes=timed.classes,
        references=seen.references,
        class_names=next(iter(task.rows.class_names), ())[:NAMED],
        test_passes=tested * len(seen.tests),
        test_samples=test_samples,
        controls=1 + len(seen.tests) + (held_back > 0) if recomputes else 0,
        batch_size=seen.batch_size,
        seconds_fill=timed.fill,
        seconds_per_sample=timed.per_sample,
        seconds=work.seconds(timed),
        memory_bytes=peak_memory(task.torch_device) + samples * timed.classes * LOGIT_BYTES,
        disk_bytes=kept * timed.classes * LOGIT_BYTES + seen.reference_bytes + pool.nbytes + _gram_bytes(len(pool)),
        device=str(task.torch_device),
        is_done=seen.is_done,
        workers=number,
        seconds_workers=None if crew is None else work.seconds(seen.of_worker, side_by_side(crew, number, task)),
    )


@dataclass(frozen=True)
class _Look:
    """Facts on a run that its folder and two batches tell.

    Attributes:
        missing: ingredients whose logits are not in the run folder.
        soups: real soups that may be evaluated.
        baselines: soups of baselines that may be, on top.
        tests: test sets that networks have to be run on.
        is_done: whether a run with these settings has ended here, so that nothing is left to run.
        timed: seconds in this process.
        of_worker: seconds in a worker.
        recomputes: whether BatchNorm statistics are recomputed.
        batch_size: samples per forward pass.
        least, most: passes over the selecting rows, with and without a race.
        stages: the number of times that each ingredient is read at most.
        references: passes of references that have to run.
        reference_rows, reference_bytes: their samples, and what they choose.
    """

    missing: int
    soups: int
    baselines: int
    tests: Mapping[str, Rows]
    is_done: bool
    timed: Timed
    of_worker: Timed
    recomputes: bool
    batch_size: int
    least: float
    most: float
    stages: int
    references: int
    reference_rows: int
    reference_bytes: int


def _look(evaluator: Evaluator, settings: Settings) -> _Look:
    """Reads the run folder, and times the network."""
    timed, crew = timed_batch(evaluator), settings.workers
    recomputes, batch_size = evaluator.recomputes, evaluator.batch_size
    (missing, least, most, stages), references = _passes(evaluator, settings.race), _references(evaluator)
    tests, n = evaluator.task.tests, len(evaluator.pool)
    soups, beside = settings.soups, sum(1 if name == "uniform" else n - 1 for name in settings.baselines)
    if ended := ended_run(evaluator, settings):
        soups, beside = max(soups - ended.soups, 0), 0
        tests = {name: rows for name, rows in tests.items() if name not in ended.tests}
        missing, least, most, stages = 0, 0.0, 0.0, 1
    return _Look(
        missing,
        soups,
        beside,
        tests,
        ended is not None and not soups and not tests,
        timed,
        timed if crew is None else timed_as_worker(evaluator, crew, timed),
        recomputes,
        batch_size,
        least,
        most,
        stages,
        *references,
    )


def _gram_bytes(n: int) -> int:
    """Bytes of the distances between ingredients; of a large pool only members of recipes are compared."""
    return min(n, MOST) ** 2 * GRAM_BYTES


def _passes(evaluator: Evaluator, settings: RaceSettings | None) -> tuple[int, float, float, int]:
    """Ingredients that have to run, their least and most passes, and how often each is read at most."""
    task, known = evaluator.task, [evaluator.archive.known(single) for single in evaluator.singles()]
    selecting = task.split[0]
    whole = np.array([len(one.missing(selecting)) for one in known])
    races = settings is not None and not against_race(task, len(known), settings)
    decided = foregone(evaluator, settings) if settings is not None and races else None
    if decided is not None:
        whole = whole[decided.survivors]
    most = float(whole.sum()) / len(selecting)
    missing = int((whole > 0).sum())
    if settings is None or not races or decided is not None:
        return missing, most, most, 1
    order, ends = course_of(task, len(known), settings)
    beginning = selecting[order[: ends[0]]]
    first = np.array([len(one.missing(beginning)) for one in known])
    return missing, float(first.sum() + (whole - first).min()) / len(selecting), most, len(ends)


def _references(evaluator: Evaluator) -> tuple[int, int, int]:
    """References that have to run, their samples, and the bytes of what they choose."""
    task = evaluator.task
    sets = [name for name in (None, *task.tests) if evaluator.references.is_missing(name)]
    kinds = {name: evaluator.references.kind(name) for name in sets}
    samples = {name: len(task.rows if name is None else task.tests[name]) for name in sets}
    sizes = [
        samples[name] * kind.entries * kind.alternatives for name, kind in kinds.items() if isinstance(kind, Tokens)
    ]
    return len(sets), sum(samples.values()), sum(sizes) * LOGIT_BYTES


def _about_race(task: Task, n: int, settings: RaceSettings | None, timed: Timed) -> str:
    """Whether ingredients race, in words; advises against a race that cannot pay for reading the files again."""
    if settings is None:
        return ""
    if reason := against_race(task, n, settings):
        return f"no race: {reason}"
    _, (*ends, samples) = course_of(task, n, settings)
    saved = (n - 1) * (samples - ends[0]) * timed.per_sample  # at most: all but one are dropped after the first stage
    where = " and ".join(f"{end:,}" for end in ends) + f" of {samples:,} samples"
    where += "" if task.rows.groups is None else ", whole groups"
    # The best ingredient is read once for each stage, all others once in any case.
    reading = len(ends) * timed.fill
    if reading >= max(saved, NOTICED):
        return f"judged after {where}; reading files again takes as long as the passes that it saves, so it hardly pays"
    return f"judged after {where}"
