"""RADIN in two steps: rank recipes by their averaged logits, then verify the best few for real."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from radin.common.files import digest_of, write_json
from radin.common.progress import SILENT, Progress
from radin.errors import InputError
from radin.evaluation.calibration import calibrated, dispersions, gap_of
from radin.evaluation.settings import check_settings
from radin.evaluation.verifier import Verifier
from radin.recipe import Recipe
from radin.report.diagnosis import findings_of
from radin.report.findings import shortage_findings
from radin.report.result import SOUP, Result, Spent, VerifiedSoup
from radin.report.unseen_data import control_score, report_on
from radin.scoring.metrics import losses
from radin.scoring.surrogate import Surrogate
from radin.searching.budget import Budget, Ledger
from radin.searching.driver import Shortlist, search
from radin.searching.plugins import Searcher, SearchFunction
from radin.searching.problem import Problem, Proposals
from radin.tasks.task import Task
from radin.weights.averaging import average, refuse_ingredients
from radin.weights.pool import Pool

#: Candidates that can be verified out of their turn. More changed nothing that was measured; they cost a second or so.
SHORTLIST = 256


def make_soup(
    pool: Pool,
    task: Task,
    searcher: str | Searcher | SearchFunction = "forward",
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    lam: float = 0.0,
    seed: int = 0,
    run_dir: str | os.PathLike[str] = "radin-run",
    *,
    calibrate: bool = True,
    batchnorm: str = "recompute",
    progress: Progress = SILENT,
) -> Result:
    """Finds the best soup of a pool with a budget of real evaluations (RADIN, arXiv 2401.17790).

    Every ingredient is run once over the task's data. The searcher then ranks recipes by the score of their averaged
    logits, and the `budget.soups` best are built and evaluated for real. The single ingredients compete, at no cost,
    so the result is never worse on the selection data than the best of them.

    A run that is killed goes on with the same call: passes and soups that were completed are read from the run folder,
    and the search is replayed from its seed.

    Arguments:
        pool: the ingredients, `N` of them.
        task: the network, the data and the metric.
        searcher: a searcher's name, or a generator function. The default, `forward`, is the one that came within a
            quarter of a standard error of the full greedy soup on each pool of `docs/results.md` with 4 real soups.
        options: the searcher's options.
        budget: `soups` is the B of the paper, 4 by default; `candidates` the recipes scored from logits; `seconds`
            caps search and verification together.
        lam: strength λ of the prior that favours larger subsets, in standard errors of the best ingredient's score:
            1 lets a soup of everything be one standard error worse and still be tried. The default, 0, is no prior: in
            `docs/results.md` no λ is better on all pools, and those above 0 are worse where ingredients are unequal.
        seed: of the searcher's randomness.
        run_dir: holds logits, BatchNorm statistics, ledger, `soup.safetensors`, `leaderboard.json` and a picture.
        calibrate: learn from each verified soup how far real soups fall from their averaged logits, and choose the next
            one accordingly from the best `SHORTLIST` candidates, see `radin.evaluation.calibration`. False verifies
            the B best in order. The first soup is the same.
        batchnorm: policy for BatchNorm statistics of soups. `recompute`, the default, takes those of up to 1 024
            selecting samples, one more pass over them for each soup; `average` those of the members' mean, `keep`
            those of the member with the largest weight. On the pools of `docs/zoos.md` recomputed ones gave the best
            soups and the smallest gap to the averaged logits. No matter where there is no BatchNorm.
        progress: watches the stages.

    Returns:
        the winner, the leaderboard, and the winner's score on data that selected nothing.

    Raises:
        InputError: an argument out of range, or an ingredient in the place of the soup in the run folder.
        PluginError: no such searcher or option.
        RunDirError: the run folder was made with other inputs, or is in use.
        IncompatibleError, CheckpointError, DataError, TaskError: see `Pool` and `Task`.
        StorageError: the disk is full; what was completed is kept.
    """
    if not isinstance(pool, Pool) or not isinstance(task, Task):
        raise InputError(
            f"expected a radin.Pool and a radin.Task, got {type(pool).__name__} and {type(task).__name__}; "
            "a pool of files is radin.Pool(files)"
        )
    budget = budget or Budget()
    chosen, soups = check_settings(searcher, options, budget, lam, seed)
    lam, seed = float(lam), int(seed)  # numpy's numbers are none that JSON can hold
    run = Path(run_dir)
    refuse_ingredients([run / SOUP], pool.files)
    with Ledger(run / "ledger.db") as ledger:
        verifier = Verifier(pool, task, run, ledger=ledger, batchnorm=batchnorm, progress=progress)
        surrogate = Surrogate(verifier.bank, task.metric, lam)
        learns = calibrate and soups > 1
        top = max(SHORTLIST, soups) if learns else soups
        recorded: dict[str, Any] = {"ledger": ledger, "scope": verifier.scope, "progress": progress}
        shortlist = search(chosen, surrogate, budget, seed=seed, top=top, options=options, **recorded)
        verified = verify_best(shortlist, verifier, surrogate, budget, learns=learns, progress=progress)
        tried = [assess(one.recipe, verifier, surrogate) for one in sorted(verified, key=attrgetter("number"))]
        singles = [assess(Recipe.subset(pool.names, [i]), verifier, surrogate) for i in range(len(pool))]
        leaderboard = sorted([*tried, *singles], key=merit(task), reverse=True)
        pair = leaderboard[0].recipe, next(entry.recipe for entry in leaderboard if entry.recipe.size == 1)
        tests = {name: report_on(*pair, verifier, name) for name in task.tests}
        report = next(iter(tests.values())) if tests else report_on(*pair, verifier)
        statistics = verifier.evaluator.recomputed(leaderboard[0].recipe)  # before what was spent is counted
        result = Result(
            best=leaderboard[0],
            leaderboard=leaderboard,
            verified=tried,
            report=report,
            tests=tests,
            control=None if report.control is None else control_score(pair[1], verifier),
            spent=_spent(verifier, shortlist, verified),
            metric=task.scored_by.name,
            higher_is_better=task.scored_by.higher_is_better,
            batchnorm=batchnorm,
            settings={
                "searcher": chosen.name,
                "options": dict(shortlist.options),
                "lam": lam,
                "seed": seed,
                "calibrate": calibrate,
            }
            | asdict(budget),
            run_dir=run,
            earlier=_earlier(verifier, leaderboard[0].recipe),
            ingredients=pool.files,
            findings=findings_of(verifier, surrogate, shortlist, [one.recipe for one in tried])
            + tuple(shortage_findings(shortlist, verified, soups, len(pool))),
        )
        _publish(result, pool, verifier, shortlist, statistics)
    return result


def verify_best(
    shortlist: Shortlist, verifier: Verifier, surrogate: Surrogate, budget: Budget, *, learns: bool, progress: Progress
) -> Shortlist:
    """Verifies recipes of a shortlist until the budget's soups, or the time that the search has left, are spent.

    Arguments:
        shortlist: what the search on the surrogate found.
        verifier: charged with the soups, in its ledger.
        surrogate: what the shortlist was ranked by.
        budget: of the whole run.
        learns: whether each soup has a say in which one is next; else the best are verified in order.
        progress: watches the soups.
    """
    verification = corrected(shortlist, verifier, surrogate) if learns else in_order(shortlist)
    listed = [candidate.recipe.dumps() for candidate in shortlist]
    scope = digest_of(verifier.scope, listed, *([surrogate.lam] if learns else []))
    recorded: dict[str, Any] = {"ledger": verifier.ledger, "scope": scope, "progress": progress}
    return search(verification, verifier, _left(budget, shortlist), top=budget.soups or len(shortlist), **recorded)


def in_order(shortlist: Shortlist) -> SearchFunction:
    """A searcher that proposes the recipes of a shortlist one by one, best first."""

    def verification(problem: Problem) -> Proposals:
        """The shortlist of another search."""
        for candidate in shortlist:
            yield candidate.recipe.row[None]

    return verification


def corrected(shortlist: Shortlist, verifier: Verifier, surrogate: Surrogate) -> SearchFunction:
    """A searcher that proposes recipes of a shortlist one by one, by what soups so far say of the gap."""
    return calibrated(shortlist, dispersions(verifier), gap_of(surrogate, verifier.selection_logits))


def assess(recipe: Recipe, verifier: Verifier, surrogate: Surrogate) -> VerifiedSoup:
    """A verified recipe's score beside what its averaged logits promised; reads logits, evaluates nothing new."""
    metric, labels = verifier.task.scored_by, verifier.bank.labels
    logits = verifier.selection_logits(recipe)
    promised = float(surrogate.metric_scores(recipe.row[None])[0])
    return VerifiedSoup(
        recipe=recipe,
        score=metric.value(logits, labels),
        ensemble=promised if metric.higher_is_better else -promised,
        nll=float(losses(logits, labels).mean()),
    )


def merit(task: Task) -> Callable[[VerifiedSoup], tuple[Any, ...]]:
    """Sort key of a leaderboard, best last: score, then lower negative log-likelihood, more ingredients, pool order."""
    sign = 1 if task.scored_by.higher_is_better else -1
    return lambda one: (sign * one.score, -one.nll, one.recipe.size, [-member for member in one.recipe.members])


def _left(budget: Budget, shortlist: Shortlist) -> Budget:
    """The budget that the search has left for verification; at least a moment, so that verification can say so."""
    if budget.seconds is None:
        return budget
    return replace(budget, seconds=max(budget.seconds - shortlist.seconds, 1e-9))


def _spent(verifier: Verifier, shortlist: Shortlist, verified: Shortlist) -> Spent:
    ledger, evaluator = verifier.ledger, verifier.evaluator
    soups = {evaluator.key(candidate.recipe, verifier.task.rows) for candidate in verified}
    return Spent(
        passes=ledger.count("pass"),
        soups=verified.charged,
        candidates=shortlist.charged,
        test_passes=ledger.count("test"),
        lost=sum(ledger.count(kind, "lost") for kind in ("pass", "soup", "test", "control")),
        seconds_passes=ledger.seconds("pass"),
        seconds_search=shortlist.seconds,
        seconds_soups=ledger.seconds("soup", soups),
        statistics=ledger.count("statistics"),
        statistics_samples=ledger.rows("statistics"),
        controls=ledger.count("control"),
    )


def _earlier(verifier: Verifier, winner: Recipe) -> tuple[dict[str, Any], ...]:
    """The soups that stood in the run folder before, oldest first, without the one that is written now."""
    now = winner.to_json(), verifier.evaluator.batchnorm
    return tuple(one for one in verifier.ledger.fact("winners", []) if (one["recipe"], one["batchnorm"]) != now)


def _publish(
    result: Result, pool: Pool, verifier: Verifier, shortlist: Shortlist, statistics: Mapping[str, Any]
) -> None:
    """Writes the run folder's soup, with the BatchNorm statistics that were recomputed, leaderboard and picture."""
    from radin.report.picture import draw_run

    about = {"radin.metric": result.metric, "radin.score": repr(result.best.score)}
    average(
        pool, result.best.recipe, result.run_dir / SOUP, batchnorm=result.batchnorm, metadata=about, replace=statistics
    )
    write_json(result.run_dir / "leaderboard.json", result.to_json())
    kept = result.best.to_json() | {"text": str(result.best.recipe), "metric": result.metric}
    kept |= {"batchnorm": verifier.evaluator.batchnorm, "settings": result.settings}
    verifier.ledger.set_fact("winners", [*result.earlier, kept])
    draw_run(result, shortlist, verifier.task.scored_by, result.run_dir / "score-against-budget.png")
