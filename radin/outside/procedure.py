"""`soup_by_score`: a search on real soups whose scores come from outside."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from radin.common.arguments import check_arguments, expect
from radin.common.files import write_json
from radin.common.progress import SILENT, Progress
from radin.errors import InputError, TaskError
from radin.evaluation.settings import check_settings
from radin.outside.objective import OutsideObjective
from radin.outside.result import FailedScore, OutsideReport, OutsideResult, OutsideScore, OutsideSpent
from radin.outside.scorer import Scorer
from radin.outside.side_by_side import places_of
from radin.report.about import command_line, versions
from radin.report.record import LEADERBOARD
from radin.report.soup_place import check_run_folder
from radin.searching.budget import Budget
from radin.searching.driver import search
from radin.searching.plugins import Searcher, SearchFunction
from radin.searching.shortlist import Shortlist
from radin.weights.averaging import average
from radin.weights.pool import Pool

#: Policies for BatchNorm statistics that need no data.
POLICIES = ("average", "keep")


def soup_by_score(
    pool: Pool,
    scorer: Scorer,
    *,
    run_dir: str | os.PathLike[str],
    searcher: str | Searcher | SearchFunction = "forward",
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    seed: int = 0,
    batchnorm: str = "average",
    report: Scorer | None = None,
    workers: int | str | None = None,
    progress: Progress = SILENT,
) -> OutsideResult:
    """Finds the best soup by a number from outside: the searcher works on real soups, at most B of them.

    There is no surrogate, since nothing is known but one number for each network. Single ingredients are scored when
    the searcher needs them, outside B: `last-k` needs the last one alone, `greedy` and `forward` need all. Every number
    stays in the run folder, so a run that was killed goes on with the same call, and calls nothing twice. The winner
    and `leaderboard.json` are written as `make_soup` writes them.

    Arguments:
        pool: the ingredients.
        scorer: gives the number: `radin.CommandScorer` or `radin.ScoredTask`.
        run_dir: the folder for scores, ledger and results.
        searcher: a searcher's name, or a generator function.
        options: of the searcher.
        budget: `soups` and `seconds` count; the default is 4 soups. The single ingredients' calls count in `seconds`.
        seed: of the searcher's randomness.
        batchnorm: BatchNorm statistics of soups: `average`, or `keep` those of the heaviest member. To recompute them
            is the scorer's matter, which has the data.
        report: another scorer that is asked about the winner and the best ingredient only, after the choice.
        workers: calls of a command that run side by side: a number, or `auto` for one on each GPU, or each CPU core
            where there is no GPU. These are the single ingredients that are needed, and the soups that the searcher
            proposes together. The result is that of one call after the other, the default. Several GPUs are dealt out
            to the calls by `CUDA_VISIBLE_DEVICES`. A `radin.ScoredTask` runs in this process, one network at a time.
        progress: watches the stages.

    Returns:
        the winner, the leaderboard, and the calls that failed.

    Raises:
        InputError: an argument out of range, no scorer, or workers for a scorer that is no command.
        PluginError, AbilityError: no such searcher or option, or one that cannot work on real soups.
        TaskError: no network got a number.
        RunDirError: the run folder was made with other inputs, or is in use.
        IncompatibleError, CheckpointError: see `Pool`.
        StorageError: the disk is full; what was completed is kept.
    """
    _check(pool, scorer, batchnorm, report)
    check_arguments(run_dir=run_dir, progress=progress)
    places = places_of(workers, scorer)
    budget = Budget.of(budget)
    chosen, soups = check_settings(searcher, options, budget, 0.0, seed)
    check_run_folder(run_dir, pool)
    with OutsideObjective(pool, scorer, run_dir, batchnorm=batchnorm, workers=places, progress=progress) as objective:
        how: dict[str, Any] = {"ledger": objective.folder.ledger, "scope": objective.scope, "progress": progress}
        found = search(chosen, objective, budget, seed=seed, top=soups, options=options, **how)
        settings = {"searcher": chosen.name, "options": dict(found.options), "seed": int(seed)} | asdict(budget)
        result = _result(objective, found, settings, report)
        about = {"radin.metric": scorer.name, "radin.score": repr(result.best.value)}
        average(pool, result.best.recipe, result.soup, batchnorm=batchnorm, metadata=about)
        write_json(objective.folder.path / LEADERBOARD, result.to_json())
    return result


def _check(pool: object, scorer: object, batchnorm: str, report: object) -> None:
    """Refuses what is no pool, scorer or policy.

    Raises:
        InputError: says what was expected.
    """
    if not isinstance(pool, Pool) or not isinstance(scorer, Scorer):
        raise InputError(
            f"expected a radin.Pool and a radin.CommandScorer or radin.ScoredTask, got {type(pool).__name__} and "
            f"{type(scorer).__name__}"
        )
    expect("report", report, (Scorer, type(None)), "a radin.CommandScorer or radin.ScoredTask, or None")
    if batchnorm not in POLICIES:
        raise InputError(
            f"expected batchnorm as one of {', '.join(POLICIES)}, got {batchnorm!r}; a scorer that has the data may "
            "recompute statistics itself"
        )


def _result(
    objective: OutsideObjective, found: Shortlist, settings: dict[str, Any], report: Scorer | None
) -> OutsideResult:
    """The result of a search that has ended.

    Arguments:
        objective: that was searched.
        found: by the search.
        settings: of the run.
        report: another scorer, which is asked for the winner and the best ingredient now.
    """
    scorer, leaderboard = objective.scorer, ranked(objective)
    return OutsideResult(
        leaderboard=leaderboard,
        failed=failures(objective),
        report=None if report is None else reported(leaderboard, objective, report),
        spent=spent(objective, found),
        metric=scorer.name,
        higher_is_better=scorer.higher_is_better,
        ingredients=len(objective.pool),
        batchnorm=objective.batchnorm,
        settings=settings,
        about={
            "ingredients": objective.fingerprints,
            "versions": versions(),
            "command": command_line(),
            "scorer": getattr(scorer, "command", ""),
        },
        run_dir=objective.folder.path,
        is_folder=objective.pool.is_folders,
    )


def ranked(objective: OutsideObjective) -> list[OutsideScore]:
    """The networks with a number, best first: by the number, then more ingredients, then pool order.

    Raises:
        TaskError: there is none.
    """
    sign = 1.0 if objective.scorer.higher_is_better else -1.0
    asked = objective.asked.items()
    scored = [OutsideScore(recipe, sign * one.value, one.value) for recipe, one in asked if one.value is not None]
    if not scored:
        failed = [one.failure for _, one in asked if one.value is None]
        why = f"; the last time {failed[-1]}" if failed else ": the searcher proposed no recipe"
        raise TaskError(
            f"the scorer gave no number for any network{why}. What it printed is in {objective.scores.path}"
        )
    return sorted(scored, key=lambda one: (-one.score, -one.recipe.size, one.recipe.members))


def failures(objective: OutsideObjective) -> list[FailedScore]:
    """The networks whose calls failed, in the order in which they were asked for."""
    return [
        FailedScore(recipe, one.failure, objective.scores.place(one.key).with_suffix(""))
        for recipe, one in objective.asked.items()
        if one.value is None
    ]


def reported(leaderboard: list[OutsideScore], objective: OutsideObjective, scorer: Scorer) -> OutsideReport:
    """Numbers of the winner and of the best ingredient by a scorer that selected nothing."""
    single = next((one for one in leaderboard if one.recipe.size == 1), None)
    both = [one.recipe for one in (leaderboard[0], single) if one is not None]
    winner, *others = objective.outcomes(both, scorer)
    other = next(iter(others), None)
    said = tuple(dict.fromkeys(one.failure for one in (winner, other) if one is not None and one.failure))
    return OutsideReport(scorer.name, winner.value, None if other is None else other.value, said)


def spent(objective: OutsideObjective, found: Shortlist) -> OutsideSpent:
    """The cost of a search, after its last call."""
    ledger, asked = objective.folder.ledger, objective.asked.items()
    singles = [one.key for recipe, one in asked if recipe.size == 1]
    soups = [one.key for recipe, one in asked if recipe.size > 1]
    return OutsideSpent(
        passes=len(singles),
        soups=found.charged,
        tests=ledger.count("test"),
        lost=sum(ledger.count(kind, "lost") for kind in ("pass", "soup", "test")),
        seconds_passes=ledger.seconds("pass", singles),
        seconds_soups=ledger.seconds("soup", soups),
    )
