"""What can be found wrong with a run before anything heavy is imported, and long before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radin.common.files import fault_of_place
from radin.errors import InputError, RunDirError
from radin.scoring.prior import validate_strength
from radin.searching.budget import Budget
from radin.searching.driver import as_searcher, check_whole
from radin.searching.plugins import Searcher, SearchFunction


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
    """Finds fault with a run folder before it is made; leaves nothing there.

    Raises:
        RunDirError: there can be no such folder, or nothing can be written to it; says why.
    """
    if fault := fault_of_place(Path(folder) / "ledger.db"):
        raise RunDirError(f"{folder}: cannot be a run folder: {fault}; choose another")
