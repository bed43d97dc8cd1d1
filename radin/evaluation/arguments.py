"""Refuses what is no pool and no task, at every function that takes both."""

from __future__ import annotations

from typing import Any

from radin.errors import InputError
from radin.tasks.task import Task
from radin.weights.pool import Pool


def check_inputs(pool: Any, task: Any) -> None:
    """Refuses what is no pool and no task.

    Raises:
        InputError: says what came, and where a scorer goes.
    """
    if not isinstance(pool, Pool) or not isinstance(task, Task):
        raise InputError(
            f"expected a radin.Pool and a radin.Task, got {type(pool).__name__} and {type(task).__name__}; "
            "a pool of files is radin.Pool(files), and a scorer from outside goes to radin.soup_by_score"
        )
