"""The inputs of a run: fingerprints of pool, data and task code, and the difference from those of an earlier run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

from radin.errors import DataError, RunDirError

if TYPE_CHECKING:
    from radin.tasks.task import Task

#: Advice about a folder of other inputs, where nothing better is known.
ADVICE = "choose another run folder, or delete this one"


class Inputs(TypedDict):
    """The inputs that a run folder belongs to.

    Attributes:
        task: fingerprints of what the task reads, by what a person would call it.
        ingredients: fingerprint of each ingredient, by name.
        settings: the settings that the inputs may depend on; those that changed explain a difference.
    """

    task: dict[str, str]
    ingredients: dict[str, str]
    settings: dict[str, str]


def task_inputs(task: Task) -> dict[str, str]:
    """Fingerprints of what a task reads, by what a person would call it.

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


def difference_of(known: Inputs, now: Inputs, folder: Path) -> RunDirError | None:
    """The error that says which input differs from those of a folder, and which settings changed; None for equal ones.

    Arguments:
        known: the inputs that the folder belongs to.
        now: other inputs; ingredients and test sets may be more or fewer.
        folder: the run folder, to be named.
    """
    before, after = (given.get("settings") for given in (known, now))
    old, new = known["ingredients"], now["ingredients"]
    said = f"{folder} was made with other inputs: "
    for name, fingerprint in now["task"].items():
        if fingerprint != known["task"].get(name, fingerprint):
            return _explained(f"{said}the {name} differs", before, after, is_test=name.startswith("test"))
    changed = sorted(name for name in new.keys() & old.keys() if new[name] != old[name])
    if changed:
        return _explained(f"{said}the contents of {', '.join(changed)} have changed", before, after)
    if not (new.keys() <= old.keys() or old.keys() <= new.keys()):
        models = "models may be added to it or left out, not both"
        return RunDirError(f"{said}its pool was {', '.join(old)}; {models}; {ADVICE}")
    return None


def _explained(
    said: str, before: Mapping[str, str] | None, now: Mapping[str, str] | None, *, is_test: bool = False
) -> RunDirError:
    """The error with the settings that changed, and the values that bring the earlier ones back."""
    earlier, later = _by_parameter(before), _by_parameter(now)
    if before is None or not {**earlier, **later}:  # a folder of an earlier version, or a task made in Python
        return RunDirError(f"{said}; {ADVICE}")
    names = [name for name in {**earlier, **later} if earlier.get(name) != later.get(name)]
    if not is_test:
        names = [name for name in names if name != "test"]  # test sets explain themselves alone
    if not names:
        return RunDirError(f"{said}, though the settings are the same; {ADVICE}")
    changes = ", ".join(f"{name} ({_value(earlier.get(name))} before, {_value(later.get(name))} now)" for name in names)
    error = RunDirError(f"{said}, since settings changed: {changes}. Go back to the earlier ones, or {ADVICE}.")
    return error.mended_by(**{name: earlier[name] for name in names if name in earlier})


def _by_parameter(settings: Mapping[str, str] | None) -> dict[str, str]:
    """Settings by the name of their parameter; folders of version 0.1 name the options of the command line."""
    return {
        name.removeprefix("--task-arg ").removeprefix("--").replace("-", "_"): value
        for name, value in (settings or {}).items()
    }


def _value(value: str | None) -> str:
    return "not given" if value is None else value
