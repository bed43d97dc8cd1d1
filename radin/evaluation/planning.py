"""The plan of a run: its cost, stated before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch

from radin.common.progress import SILENT, Progress
from radin.errors import InputError
from radin.evaluation.batchnorm import statistics_rows
from radin.evaluation.evaluator import Evaluator
from radin.evaluation.gram import MOST
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.run_folder import RunFolder
from radin.evaluation.settings import check_baselines
from radin.evaluation.stages import against_race, course_of, race_settings
from radin.evaluation.workers import Workers
from radin.scoring.kinds import Tokens
from radin.searching.budget import Budget
from radin.tasks.device import clock
from radin.tasks.task import Task
from radin.weights.pool import Pool

LOGIT_BYTES = 4

#: Of the distances between ingredients that are kept in the run folder: two matrices of their weights, one of logits.
GRAM_BYTES = 3 * 8

#: Networks that are run on every test set beside the baselines: the winner and the best ingredient.
TESTED = 2

#: Classes that a plan names, so that a wrong folder is seen.
NAMED = 5


@dataclass(frozen=True)
class Plan:
    """The cost of a run of `radin.make_soup`.

    Attributes:
        ingredients: size of the pool.
        passes: ingredients whose logits are not in the run folder yet, one forward pass over the data each; fewer run
            in full where they race.
        least_passes, most_passes: the selecting rows that ingredients will be run on, over those of the data. The least
            is the first stage of the race for all and the best ingredient in full. Equal without a race.
        race: whether the ingredients race, in words, and why not where a race was asked for; empty where none was.
        soups: real soups that may be built and evaluated, one pass each.
        baselines: soups that baselines may take on top of that; passes that a race saves and `greedy` needs are not
            counted in.
        tested: networks that are run on every test set: winner, best ingredient and baselines.
        samples: samples in a pass, those that select.
        held_back: samples that are held back, and that the networks which are tested are run on after the choice; 0
            where there are test sets.
        outputs: the kind of outputs.
        classes: numbers that are kept of the network's outputs for one sample; of classes their number.
        references: passes of the uniform soup that choose which tokens are kept.
        class_names: the first few classes of the data, in label order, where the data name them.
        test_passes: passes over test sets, of each network that is tested.
        controls: passes of the best ingredient with recomputed BatchNorm statistics, over the data, those held back
            and each test set, for a fair comparison with a soup that has them.
        test_samples: labelled samples in all test sets together.
        batch_size: samples per forward pass.
        seconds_fill: time to fill and prepare the network with one ingredient, measured.
        seconds_per_sample: time of the forward pass, measured on one batch after one that warmed up.
        seconds: all passes, from these two, and what recomputes BatchNorm's statistics. On top of it come start-up (a
            few seconds of imports, the task, the data), the search on the logits, usually seconds, and one reading of
            all files that compares the ingredients' weights.
        memory_bytes: peak memory of the device after a batch (of this process, on the CPU), plus one ingredient's
            selected logits as they are scored.
        disk_bytes: logits that will be written, the soup, and the matrices of distances between ingredients.
        device: where the network runs.
        workers: processes that run the networks side by side; 0 for this one alone.
        seconds_workers: the same as `seconds` with these workers, without the time in which they start; None without.
            On CPUs the forward pass is timed with as many threads as each worker has.
    """

    ingredients: int
    passes: int
    least_passes: float
    most_passes: float
    race: str
    soups: int
    baselines: int
    tested: int
    samples: int
    held_back: int
    outputs: str
    classes: int
    references: int
    class_names: tuple[str, ...]
    test_passes: int
    test_samples: int
    controls: int
    batch_size: int
    seconds_fill: float
    seconds_per_sample: float
    seconds: float
    memory_bytes: int
    disk_bytes: int
    device: str
    workers: int = 0
    seconds_workers: float | None = None

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return asdict(self)


def plan(
    pool: Pool,
    task: Task,
    *,
    budget: Budget | None = None,
    run_dir: str | os.PathLike[str] = "radin-run",
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
        pool, task, budget, run_dir, batchnorm, race, baselines, workers, progress: as for `radin.make_soup`.

    Raises:
        RunDirError, IncompatibleError, DataError, TaskError: what `make_soup` would raise when it starts.
        InputError: no number of soups, or a number of workers that only a cluster could tell.
    """
    soups = (budget or Budget()).soups
    if soups is None:
        raise InputError("a plan needs a number of soups to verify: Budget(soups=4), for example")
    shown, crew, rule = check_baselines(baselines, len(pool)), Workers.of(workers), race_settings(race, len(pool))
    number = 0 if crew is None else crew.foreseen(task.torch_device.type == "cuda")
    beside, tested = sum(1 if name == "uniform" else len(pool) - 1 for name in shown), TESTED + len(shown)
    with RunFolder.preview(run_dir) as folder:
        evaluator = Evaluator(pool, task, folder, batchnorm=batchnorm, workers=crew, progress=progress)
        evaluator.bind()
        seen = _look(evaluator, crew, rule)
    (samples, held_back), test_samples = map(len, task.split), sum(map(len, task.tests.values()))
    recomputes, timed = seen.recomputes, seen.timed
    kept = (seen.missing + soups + beside + recomputes) * samples + (tested + recomputes) * (test_samples + held_back)
    # Statistics are computed once for each soup and for the control: the run folder keeps them.
    statistics = (soups + beside + 1) * len(statistics_rows(task)) if recomputes else 0
    fillings, averaged = float(seen.missing * seen.stages), (soups + beside) * len(pool) / 2
    work = _Work(fillings, averaged, kept + seen.reference_rows, statistics)
    return Plan(
        ingredients=len(pool),
        passes=seen.missing,
        least_passes=seen.least,
        most_passes=seen.most,
        race=_about_race(task, len(pool), rule, timed),
        soups=soups,
        baselines=beside,
        tested=tested,
        samples=samples,
        held_back=held_back,
        outputs=task.kind.name,
        classes=timed.classes,
        references=seen.references,
        class_names=next(iter(task.rows.class_names), ())[:NAMED],
        test_passes=tested * len(task.tests),
        test_samples=test_samples,
        controls=1 + len(task.tests) + (held_back > 0) if recomputes else 0,
        batch_size=seen.batch_size,
        seconds_fill=timed.fill,
        seconds_per_sample=timed.per_sample,
        seconds=work.seconds(timed),
        memory_bytes=_peak_memory(task.torch_device) + samples * timed.classes * LOGIT_BYTES,
        disk_bytes=kept * timed.classes * LOGIT_BYTES + seen.reference_bytes + pool.nbytes + _gram_bytes(len(pool)),
        device=str(task.torch_device),
        workers=number,
        seconds_workers=None if crew is None else work.seconds(seen.of_worker, _side_by_side(crew, number, task)),
    )


@dataclass(frozen=True)
class _Timed:
    """Seconds to fill and prepare the network and for a sample, and the classes of its outputs."""

    fill: float
    per_sample: float
    classes: int


@dataclass(frozen=True)
class _Look:
    """Facts on a run that its folder and two batches tell.

    Attributes:
        missing: ingredients whose logits are not in the run folder.
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
    timed: _Timed
    of_worker: _Timed
    recomputes: bool
    batch_size: int
    least: float
    most: float
    stages: int
    references: int
    reference_rows: int
    reference_bytes: int


def _look(evaluator: Evaluator, crew: Workers | None, rule: RaceSettings | None) -> _Look:
    """Reads the run folder, and times the network."""
    missing = sum(len(evaluator.archive.missing(single)) > 0 for single in evaluator.singles())
    timed = _timed_batch(evaluator)
    of_worker = timed if crew is None else _timed_as_worker(evaluator, crew, timed)
    recomputes, batch_size = evaluator.recomputes, evaluator.batch_size
    passes, references = _passes(evaluator, rule), _references(evaluator)
    return _Look(missing, timed, of_worker, recomputes, batch_size, *passes, *references)


@dataclass(frozen=True)
class _Work:
    """Work of a run.

    Attributes:
        fillings: of the network with an ingredient, each on one worker.
        averaged: ingredients that soups read, one soup after the other.
        rows: samples of all passes, which workers share.
        statistics: samples for BatchNorm statistics, on one worker.
    """

    fillings: float
    averaged: float
    rows: int
    statistics: int

    def seconds(self, timed: _Timed, workers: float = 1.0) -> float:
        """Time that this takes on some workers."""
        shared = self.fillings * timed.fill + self.rows * timed.per_sample
        return shared / workers + self.averaged * timed.fill + self.statistics * timed.per_sample


def _side_by_side(crew: Workers, number: int, task: Task) -> float:
    """Workers that run at once: on this machine's CPUs no more than its cores allow."""
    if crew.address is not None or task.torch_device.type != "cpu":
        return float(number)
    return min(float(number), max(1.0, (os.cpu_count() or 1) / crew.threads))


def _timed_as_worker(evaluator: Evaluator, crew: Workers, timed: _Timed) -> _Timed:
    """The times with as many threads as a worker has."""
    before = torch.get_num_threads()
    if evaluator.task.torch_device.type != "cpu" or before == crew.threads:
        return timed
    torch.set_num_threads(crew.threads)
    try:
        return _timed_batch(evaluator)
    finally:
        torch.set_num_threads(before)


def _gram_bytes(n: int) -> int:
    """Bytes of the distances between ingredients; of a large pool only members of recipes are compared."""
    return min(n, MOST) ** 2 * GRAM_BYTES


def _passes(evaluator: Evaluator, settings: RaceSettings | None) -> tuple[float, float, int]:
    """Least and most passes over the selecting rows, and how often each ingredient is read at most."""
    task, known = evaluator.task, [evaluator.archive.known(single) for single in evaluator.singles()]
    selecting = task.split[0]
    whole = np.array([len(one.missing(selecting)) for one in known])
    most = float(whole.sum()) / len(selecting)
    if settings is None or against_race(task, len(known), settings):
        return most, most, 1
    order, ends = course_of(task, len(known), settings)
    beginning = selecting[order[: ends[0]]]
    first = np.array([len(one.missing(beginning)) for one in known])
    return float(first.sum() + (whole - first).min()) / len(selecting), most, len(ends)


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


def _about_race(task: Task, n: int, settings: RaceSettings | None, timed: _Timed) -> str:
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
    if len(ends) * timed.fill >= saved:
        return f"judged after {where}; the files are slow to read, so a race will hardly pay"
    return f"judged after {where}"


def _timed_batch(evaluator: Evaluator) -> _Timed:
    """The times of one ingredient; what comes first warms up."""
    single, device = evaluator.singles()[0], evaluator.task.torch_device
    network = evaluator.fill(single)
    evaluator.first_batch()
    begun = clock(device)
    evaluator.fill(single)
    filled = clock(device)
    evaluator.task.prepare_network(network)
    prepared = clock(device)
    logits = evaluator.first_batch()  # prepares the network once more
    batch = max(clock(device) - prepared - (prepared - filled), 0.0)
    return _Timed(prepared - begun, batch / len(logits), int(np.prod(logits.shape[1:])))


def _peak_memory(device: torch.device) -> int:
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
