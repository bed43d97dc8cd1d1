"""What can be found wrong with a run before anything heavy is imported, and long before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radin.budget import Budget
from radin.driver import as_searcher, check_whole
from radin.errors import InputError, RunDirError, StorageError
from radin.files import nearest_there
from radin.plugins import Searcher, SearchFunction
from radin.prior import validate_strength


def check_settings(
    searcher: str | Searcher | SearchFunction, options: Mapping[str, Any] | None, budget: Budget, lam: float, seed: int
) -> tuple[Searcher, int]:
    """Finds fault with the settings of a run before anything is spent; returns the searcher and B."""
    if budget.soups is None:
        raise InputError("make_soup needs a number of soups to verify: Budget(soups=4), for example")
    validate_strength(lam)
    check_whole("seed", seed, 0)
    chosen = as_searcher(searcher)
    chosen.validate(options or {})
    return chosen, budget.soups


def check_run_dir(folder: str | os.PathLike[str]) -> None:
    """Finds fault with a run folder before it is made.

    Raises:
        RunDirError: there is a file in its place, or in that of a folder above.
        StorageError: it, or the folder that it would be made in, cannot be written to, or its name is too long.
    """
    try:
        nearest = nearest_there(Path(folder))
    except OSError as error:  # a name that is too long, or a folder that may not be looked into
        raise StorageError(f"{folder}: cannot be a run folder ({error.strerror}); choose another") from error
    if not nearest.is_dir():
        raise RunDirError(f"{folder}: expected a folder for the run, got the file {nearest}; choose another")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise StorageError(f"{folder}: the folder {nearest} cannot be written to; choose another run folder")
