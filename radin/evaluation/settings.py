"""Validates the settings of a run, before anything heavy is imported and long before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radin.common.files import fault_of_place
from radin.common.suggestions import did_you_mean
from radin.errors import InputError, RunDirError
from radin.scoring.prior import validate_strength
from radin.searching.budget import Budget
from radin.searching.driver import as_searcher, check_whole
from radin.searching.plugins import Searcher, SearchFunction

#: The baselines that can be shown beside a winner.
BASELINES = ("uniform", "greedy", "last-k")


def check_settings(
    searcher: str | Searcher | SearchFunction, options: Mapping[str, Any] | None, budget: Budget, lam: float, seed: int
) -> tuple[Searcher, int]:
    """Validates the settings of a run; returns the searcher and B.

    Raises:
        InputError: no number of soups, or λ or the seed out of range.
        PluginError: no such searcher or option.
    """
    if budget.soups is None:
        raise InputError("make_soup needs a number of soups to verify: Budget(soups=4), for example")
    validate_strength(lam)
    check_whole("seed", seed, 0)
    chosen = as_searcher(searcher)
    chosen.validate(options or {})
    return chosen, budget.soups


def check_baselines(names: Sequence[str], n: int = 2) -> tuple[str, ...]:
    """Validates names of baselines; each counts once, and a pool of one has none.

    Arguments:
        names: of the baselines.
        n: size of the pool.

    Raises:
        InputError: one text instead of several names, or no baseline of this name.
    """
    if isinstance(names, str):
        raise InputError(f"expected baselines as several names, such as ('uniform',), got {names!r}")
    for name in names:
        if name not in BASELINES:
            raise InputError(f"no baseline is called {name!r}{did_you_mean(name, BASELINES)}; there are: {BASELINES}")
    return tuple(dict.fromkeys(names)) if n > 1 else ()


def check_run_dir(folder: str | os.PathLike[str]) -> None:
    """Validates the place of a run folder; leaves nothing there.

    Raises:
        RunDirError: there can be no such folder, or nothing can be written to it; says why.
    """
    if fault := fault_of_place(Path(folder) / "ledger.db"):
        raise RunDirError(f"{folder}: cannot be a run folder: {fault}; choose another")
