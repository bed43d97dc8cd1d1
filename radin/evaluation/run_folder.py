"""What a run is made from, and the run folder that belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from radin.common.error_list import Complaints
from radin.common.progress import Progress
from radin.errors import DataError, IncompatibleError, RunDirError
from radin.searching.budget import Ledger
from radin.weights.pool import Pool
from radin.weights.survey import check_averageable, surveyed

if TYPE_CHECKING:
    from radin.tasks.task import Task

#: What to do about a folder of other inputs, where nothing better is known.
ADVICE = "choose another run folder, or delete this one"

#: Facts of a ledger that are about files, by their contents, and so hold for whatever is made of these.
OF_FILES = ("digests", "digests of data")


def digests_of(pool: Pool, ledger: Ledger, progress: Progress) -> tuple[str, ...]:
    """A digest of every ingredient, in pool order: SHA-256 of its file, or of its shards and what is taken of them.

    Files that are read for it are surveyed on the way: whether all can be averaged is known before anything is run.
    The ledger remembers both.

    Raises:
        CheckpointError: NaN in some of them; names all.
        IncompatibleError: two files with the same contents, or ingredients that cannot be averaged.
    """
    memory = ledger.fact("digests", {})
    complaints = Complaints("checkpoints")
    with progress.stage("reading checkpoints", len(pool), "file") as advance:
        digests, surveys = [], []
        for i in range(len(pool)):
            digests.append(pool.digest(i, memory))
            surveys.append(surveyed(pool, i, digests[-1], memory))
            advance(1)
    ledger.set_fact("digests", memory)  # also of sound files beside others: they need not be read again
    for (one, i), (other, j) in pairwise(sorted((digest, i) for i, digest in enumerate(digests))):
        if one == other:
            raise IncompatibleError(
                f"{pool.paths[i]} and {pool.paths[j]} have the same contents: one model given twice "
                "would count double in every soup; leave one out"
            )
    check_averageable(pool, surveys, complaints)
    complaints.settle()
    return tuple(digests)


def task_inputs(task: Task) -> dict[str, str]:
    """Digests of what a task reads, by what a person would call it.

    Raises:
        DataError: a test set has the same data as another, or as what selects.
    """
    read = {"data": task.rows.fingerprint, "task code": task.code}
    for name, rows in task.tests.items():
        if rows.fingerprint == read["data"]:
            raise DataError(
                f"{rows.what}: these are the data that select, so they cannot report; choose another, or leave it out: "
                "a part of the data is then held back to report on"
            )
        same = next((what for what, fingerprint in read.items() if fingerprint == rows.fingerprint), None)
        if same is not None:
            raise DataError(f"{rows.what} and {same} are the same data under two names; leave one out")
        read["test data" if name == "test" else f"test set {name}"] = rows.fingerprint
    return read


def bind_inputs(
    ledger: Ledger,
    folder: Path,
    ingredients: Mapping[str, str],
    task: Mapping[str, str],
    settings: Mapping[str, str] | None = None,
) -> None:
    """Ties a run folder to its inputs, and refuses it for others.

    A folder in which nothing has been completed takes any: they may have been mended since. The ledger then forgets
    what it knows of those before.

    Ingredients may be added to the pool, or left out, and so may test sets: what stands in the folder stays true. Other
    data, other code of the task, or other contents under an ingredient's name are another run.

    Arguments:
        ledger: the run folder's, or one with the same facts.
        folder: the run folder, to be named in errors.
        ingredients: digest of each ingredient's file, by name.
        task: digests of what the task reads, by what a person would call it.
        settings: options of the command line that the inputs may depend on; those that changed explain a difference.

    Raises:
        RunDirError: says which input differs, and which settings changed.
    """
    settings = settings or {}
    known = ledger.fact("inputs")
    difference = known and _difference(known, ingredients, task, settings)
    if difference and ledger.has_results():
        raise RunDirError(f"{folder} was made with other inputs: {difference}")
    if difference:
        ledger.start_over(keep=OF_FILES)
    elif known:
        task = known["task"] | dict(task)
    kept = {"task": dict(task), "ingredients": dict(ingredients), "settings": dict(settings)}
    ledger.set_fact("inputs", kept)


def _difference(
    known: Mapping[str, Any], ingredients: Mapping[str, str], task: Mapping[str, str], settings: Mapping[str, str]
) -> str:
    """What makes inputs another run than those that are known, and which settings changed; empty for the same run."""
    before, old = known.get("settings"), known["ingredients"]
    for name in task:
        if task[name] != known["task"].get(name, task[name]):
            return f"the {name} differs{_why(before, settings, name)}"
    changed = sorted(name for name in ingredients.keys() & old.keys() if ingredients[name] != old[name])
    if changed:
        return f"the contents of {', '.join(changed)} have changed{_why(before, settings)}"
    if not (ingredients.keys() <= old.keys() or old.keys() <= ingredients.keys()):
        return f"its pool was {', '.join(old)}; models may be added to it or left out, not both; {ADVICE}"
    return ""


def _why(before: Mapping[str, str] | None, now: Mapping[str, str], what: str = "") -> str:
    """Which settings changed, before and after, and what brings the earlier ones back; test sets explain themselves."""
    if before is None or not {**before, **now}:  # a folder of an earlier version, or a task made in Python
        return f"; {ADVICE}"
    options = [option for option in {**before, **now} if before.get(option) != now.get(option)]
    if not what.startswith("test"):
        options = [option for option in options if option != "--task-arg test"]
    if not options:
        return f", though the options are the same; {ADVICE}"
    changes = ", ".join(f"{one} ({_value(before.get(one))} before, {_value(now.get(one))} now)" for one in options)
    again = " ".join(_written(one, before[one]) for one in options if one in before)
    without = ", ".join(one for one in options if one not in before)
    back = " and ".join(part for part in (f"with {again}" * bool(again), f"without {without}" * bool(without)) if part)
    return f", since options changed: {changes}. Run {back}, or {ADVICE}"


def _value(value: str | None) -> str:
    return "not given" if value is None else value


def _written(option: str, value: str) -> str:
    return f"{option}={value}" if option.startswith("--task-arg") else f"{option} {value}"
