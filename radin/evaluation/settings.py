"""Validates the settings of a run, before anything heavy is imported and long before anything is spent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from radin.common.arguments import check_arguments
from radin.common.files import fault_of_place
from radin.common.suggestions import did_you_mean
from radin.errors import InputError, RunDirError
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.workers import Workers
from radin.scoring.criterion import check_criterion
from radin.scoring.criterion_default import CRITERION
from radin.scoring.prior import validate_strength
from radin.searching.budget import Budget
from radin.searching.driver import as_searcher, check_whole
from radin.searching.plugins import Searcher, SearchFunction

#: Candidates that can be verified out of their turn. More changed nothing that was measured; they cost a second or so.
SHORTLIST = 256

#: The baselines that can be shown beside a winner.
BASELINES = ("uniform", "greedy", "last-k")


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of one run of `radin.make_soup`, validated; the arguments are explained there.

    Attributes:
        searcher: that runs on the averaged logits.
        options: of the searcher, as they were given.
        budget: its caps.
        soups: B, the cap on real soups.
        lam, seed, criterion, calibrate, batchnorm: as they were given.
        race: its rule; None for none.
        race_asked: whether a race was asked for, and is not only the default.
        baselines: their names.
        workers: processes that run the networks; None for this one alone.
    """

    searcher: Searcher
    options: Mapping[str, Any] | None
    budget: Budget
    soups: int
    lam: float
    seed: int
    criterion: str
    calibrate: bool
    batchnorm: str
    race: RaceSettings | None
    baselines: tuple[str, ...]
    workers: Workers | None
    race_asked: bool = False

    @classmethod
    def of(
        cls,
        n: int,
        *,
        searcher: str | Searcher | SearchFunction,
        options: Mapping[str, Any] | None,
        budget: Budget | None,
        lam: float,
        seed: int,
        criterion: str,
        calibrate: bool,
        batchnorm: str,
        race: bool | RaceSettings | None,
        baselines: Sequence[str],
        workers: int | str | Workers | None,
    ) -> Settings:
        """The validated settings of a run on a pool of `n`, from the arguments of `radin.make_soup`.

        Raises:
            InputError: an argument out of range.
            PluginError: no such searcher or option.
        """
        check_arguments(calibrate=calibrate, baselines=baselines)
        budget, crew, rule = Budget.of(budget), Workers.of(workers), RaceSettings.of(race, n)
        chosen, soups = check_settings(searcher, options, budget, lam, seed, criterion)
        return cls(
            searcher=chosen,
            options=options,
            budget=budget,
            soups=soups,
            lam=float(lam),  # numpy's numbers are none that JSON can hold
            seed=int(seed),
            criterion=criterion,
            calibrate=calibrate,
            batchnorm=batchnorm,
            race=rule,
            race_asked=bool(race),
            baselines=check_baselines(baselines, n),
            workers=crew,
        )

    @property
    def learns(self) -> bool:
        """Whether soups that were verified have a say in which is next."""
        return self.calibrate and self.soups > 1

    @property
    def top(self) -> int:
        """Candidates from which those to verify are chosen."""
        return max(SHORTLIST, self.soups) if self.learns else self.soups

    def to_json(self, options: Mapping[str, Any], chosen_by: str, raced: bool = True) -> dict[str, Any]:
        """The settings as a result records them; those of later versions only where they are not the usual ones.

        Arguments:
            options: of the searcher, defaults included.
            chosen_by: the criterion by which the winner was chosen; `metric` for the metric itself.
            raced: whether the race was held, where there is a rule for one.
        """
        made: dict[str, Any] = {"lam": self.lam, "seed": self.seed, "searcher": self.searcher.name}
        made |= {"options": dict(options), "calibrate": self.calibrate, "baselines": list(self.baselines)}
        made |= {} if self.race is None or not raced else {"race": asdict(self.race)}
        made |= {} if chosen_by == "metric" else {"criterion": chosen_by}
        made |= {} if self.workers is None or self.workers.at_once == 1 else {"at_once": self.workers.at_once}
        return made | asdict(self.budget)


def check_settings(
    searcher: str | Searcher | SearchFunction,
    options: Mapping[str, Any] | None,
    budget: Budget,
    lam: float,
    seed: int,
    criterion: str = CRITERION,
) -> tuple[Searcher, int]:
    """Validates the settings of a run; returns the searcher and B.

    Raises:
        InputError: no number of soups, λ or the seed out of range, or no such criterion.
        PluginError: no such searcher or option.
    """
    if budget.soups is None:
        raise InputError("make_soup needs a number of soups to verify: Budget(soups=4), for example")
    validate_strength(lam)
    check_criterion(criterion)
    check_whole("seed", seed, 0)
    chosen = as_searcher(searcher)
    chosen.validate(options)
    return chosen, budget.soups


def check_baselines(names: Sequence[str], n: int = 2) -> tuple[str, ...]:
    """Validates names of baselines; each counts once, and a pool of one has none.

    Arguments:
        names: of the baselines.
        n: size of the pool.

    Raises:
        InputError: one text instead of several names, or no baseline of this name.
    """
    check_arguments(baselines=names)
    for name in names:
        if not isinstance(name, str) or name not in BASELINES:
            raise InputError(
                f"no baseline is called {name!r}{did_you_mean(str(name), BASELINES)}; there are: {', '.join(BASELINES)}"
            )
    return tuple(dict.fromkeys(names)) if n > 1 else ()


def check_run_dir(folder: str | os.PathLike[str]) -> None:
    """Validates the place of a run folder; leaves nothing there.

    Raises:
        RunDirError: there can be no such folder, or nothing can be written to it; says why.
    """
    if fault := fault_of_place(Path(folder) / "ledger.db"):
        raise RunDirError(f"{folder}: cannot be a run folder: {fault}; choose another")
