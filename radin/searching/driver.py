"""The driver: searcher × objective × budget → shortlist."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any, get_args

import numpy as np

from radin.common.arguments import check_arguments, expect
from radin.common.code_location import is_raised_in_radin, place_of_error, place_of_yield
from radin.common.progress import SILENT, Advance, Progress
from radin.errors import AbilityError, InputError, PluginError, StorageError
from radin.recipe import Recipe, as_proposals
from radin.scoring.objective import Objective, Unit
from radin.searching.abilities import Abilities
from radin.searching.account import Account, SearchStopped
from radin.searching.budget import Budget
from radin.searching.ledger import Ledger, PastSearch
from radin.searching.plugins import Searcher, SearchFunction, get_searcher
from radin.searching.problem import Problem, Proposals
from radin.searching.shortlist import Candidate, Shortlist, Stopped

#: Seconds between two writes of a search's totals to the ledger.
_LEDGER_PAUSE = 1.0

#: Longest part of a plugin's own error that a message repeats, in characters; chosen by hand.
LONGEST = 1_000


def search(
    searcher: str | Searcher | SearchFunction,
    objective: Objective,
    budget: Budget | None = None,
    *,
    seed: int = 0,
    top: int = 10,
    options: Mapping[str, Any] | None = None,
    ledger: Ledger | None = None,
    scope: str = "",
    progress: Progress = SILENT,
) -> Shortlist:
    """Runs a searcher until it has finished or its budget is spent, and lists the best recipes.

    Whole batches are scored at once. A recipe is never scored twice, and only distinct ones are charged. Where an
    evaluation is a real soup, single ingredients are free and score their own `solo`, since a soup has at least two.
    The cap is hard: a batch that crosses it is scored up to it, in order, and then the searcher is closed.

    Arguments:
        searcher: the name of an installed searcher, one from `radin.searchers()`, or a generator function.
        objective: scores recipes: `radin.Surrogate`, `radin.Verifier`, or one's own.
        budget: the caps, of which the one on the objective's unit and the one on seconds apply. The default is
            `Budget()`. Time is checked after each soup, or after every few thousand candidates.
        seed: seed of the searcher's randomness, ≥ 0. The same seed gives the same search, unless seconds are capped.
        top: number of recipes to list, ≥ 1.
        options: the searcher's options by name; strings are converted to their types.
        ledger: where totals are recorded, so that `seconds` adds up over restarts; by default nowhere. A search that
            ended there before is replayed, without a limit on time, as far as it went.
        scope: fingerprint of the objective's inputs, which tells searches apart that share a ledger.
        progress: receives the number of evaluations charged.

    Returns:
        the shortlist; empty if no recipe of at least two ingredients was found, and its `note` says so.

    Raises:
        UnknownSearcherError: no searcher of this name is installed.
        PluginError: a wrong option, or the searcher failed or proposed something that is no batch of recipes.
        AbilityError: the searcher needs an ability that the objective lacks.
        InputError: a seed, a `top` or an objective that cannot be used.
    """
    chosen = as_searcher(searcher)
    settings, budget = chosen.validate(options), Budget.of(budget)
    check_arguments(progress=progress)
    expect("ledger", ledger, (Ledger, type(None)), "a radin.Ledger, or None")
    _check(objective, seed, top)
    seed, top = int(seed), int(top)
    key = _key(chosen.name, settings, seed, objective, budget, scope)
    past = None
    if ledger is not None:
        past = ledger.begin_search(key, searcher=chosen.name, options=settings, seed=seed, unit=objective.unit)
    cap, limit, spent = _caps(budget, objective.unit, past)
    with progress.stage(f"search: {chosen.name}", cap, objective.unit) as advance:
        report = _Report(advance, None if past is not None and past.stopped else ledger, key)
        account = Account(objective, cap, limit, spent, report)
        abilities = Abilities(objective, account)
        problem = Problem(account.names, lambda: account.solo, np.random.default_rng(seed), abilities)
        stopped: Stopped | None = None
        try:
            stopped = _drive(chosen, problem, settings, account)
        finally:
            seconds = report.write(account, stopped)
    if past is not None and past.stopped is not None:  # a replay: time and reason are those of the search itself
        seconds, stopped = past.seconds, "seconds" if past.stopped == "seconds" else stopped
    about: dict[str, Any] = {"searcher": chosen.name, "options": settings, "seed": seed, "reported": problem.reported}
    return _listed(account, objective, top, seconds=seconds, stopped=stopped, **about)


def _caps(budget: Budget, unit: Unit, past: PastSearch | None) -> tuple[int | None, float | None, float]:
    """The cap on evaluations, that on seconds, and the seconds that earlier processes spent.

    A search that has ended is replayed, without a limit on time, as far as it went.
    """
    cap = budget.cap(unit)
    if past is None or past.stopped is None:
        return cap, budget.seconds, 0.0 if past is None else past.seconds
    return (past.charged if past.stopped == "seconds" else cap), None, 0.0


def _listed(account: Account, objective: Objective, top: int, **about: Any) -> Shortlist:
    """The shortlist of a search that has ended, with what else is known of it."""
    return Shortlist(
        candidates=_best(account, objective, top),
        unit=objective.unit,
        charged=account.charged,
        proposed=account.proposed,
        trace=account.trace(),
        **about,
    )


def _drive(searcher: Searcher, problem: Problem, options: Mapping[str, Any], account: Account) -> Stopped:
    """Passes proposals to the account and scores back until the search ends. Returns the reason for the end."""
    proposals = searcher.function(problem, **options)
    answer: Any = None
    try:
        for number in count(1):
            with _blames(searcher, proposals, account, f"failed in batch {number}"):
                batch = as_proposals(proposals.send(answer), problem.n)
            answer = account.score(batch)
    except StopIteration:
        pass
    except SearchStopped:
        pass
    finally:
        with _blames(searcher, proposals, account, "failed while it was closed"):
            proposals.close()
    return account.stopped or "finished"


def _best(account: Account, objective: Objective, top: int) -> tuple[Candidate, ...]:
    """The best recipes that were scored, best first; those that the objective's bound leaves open are scored again."""
    bound, refined = getattr(objective, "bound", 0.0), getattr(objective, "refined", None)
    if bound and refined:
        account.board.refine(top, bound, refined)
    found = account.board.best(top, getattr(objective, "tie_break", None))
    scores = account.board.scores[found].tolist()
    return tuple(
        Candidate(Recipe.of(objective.names, row), score, number)
        for row, score, number in zip(account.board.rows(found), scores, found.tolist(), strict=True)
    )


@contextmanager
def _blames(searcher: Searcher, proposals: Proposals, account: Account, where: str) -> Iterator[None]:
    """Turns a failure of the searcher's own code into a `PluginError` that names the searcher and the place.

    Errors of the objective pass unchanged, so that the searcher is not blamed for them.
    """
    try:
        yield
    except (StopIteration, SearchStopped, KeyboardInterrupt):
        raise
    except AbilityError as error:
        raise AbilityError(f"searcher {searcher.name!r} cannot be used here: {error}") from error
    except BaseException as error:  # `sys.exit` and the like in a plugin end the search, not the program
        if error is account.failure or (isinstance(error, StorageError) and is_raised_in_radin(error)):
            raise  # of the objective, or of radin's own disk
        place = place_of_error(error) or place_of_yield(proposals)
        raise PluginError(
            f"searcher {searcher.name!r} of {searcher.owner} {where}: {_described(error)}{place}"
        ) from error


def _described(error: BaseException) -> str:
    """Class and text of an error, the text cut where it is very long."""
    text = str(error)
    return f"{type(error).__name__}: {text if len(text) <= LONGEST else text[:LONGEST] + ' ...'}"


class _Report:
    """Reports charges to the progress, and to the ledger about once a second."""

    def __init__(self, advance: Advance, ledger: Ledger | None, key: str) -> None:
        self._advance, self._ledger, self._key = advance, ledger, key
        self._told = 0
        self._due = time.perf_counter() + _LEDGER_PAUSE

    def __call__(self, account: Account) -> None:
        self._advance(account.charged - self._told)
        self._told = account.charged
        if time.perf_counter() >= self._due:
            self.write(account, None)

    def write(self, account: Account, stopped: Stopped | None) -> float:
        """Records the totals and returns the seconds. `stopped` is None while the search runs or if interrupted."""
        seconds = account.seconds
        if self._ledger is not None:
            self._ledger.update_search(self._key, charged=account.charged, seconds=seconds, stopped=stopped)
        self._due = time.perf_counter() + _LEDGER_PAUSE
        return seconds


def as_searcher(searcher: str | Searcher | SearchFunction) -> Searcher:
    """A searcher from its name in the registry, or from a generator function."""
    if isinstance(searcher, str):
        return get_searcher(searcher)
    return searcher if isinstance(searcher, Searcher) else Searcher.of(searcher)


def _check(objective: Any, seed: Any, top: Any) -> None:
    if not callable(objective) or getattr(objective, "unit", None) not in get_args(Unit):
        raise InputError(
            f"expected an objective (callable, with `unit`, `names` and `solo`), got {type(objective).__name__};"
            " a radin.Surrogate or a radin.Verifier is one"
        )
    check_whole("seed", seed, 0)
    check_whole("top", top, 1)


def check_whole(name: str, value: Any, least: int) -> None:
    """Validates a whole number of at least `least`.

    Raises:
        InputError: the value is no whole number, or is too small.
    """
    if not isinstance(value, int | np.integer) or value < least:
        raise InputError(f"{name} must be a whole number of at least {least}, got {value!r}")


def _key(searcher: str, options: Mapping[str, Any], seed: int, objective: Objective, budget: Budget, scope: str) -> str:
    """Fingerprint of a search's settings: the same after a restart, another one if anything is changed."""
    caps = [budget.cap(objective.unit), budget.seconds]
    settings = dict(getattr(objective, "settings", {}))
    parts = [searcher, options, seed, objective.unit, list(objective.names), caps, settings, scope]
    return hashlib.sha256(json.dumps(parts, default=repr).encode()).hexdigest()
