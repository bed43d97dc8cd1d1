"""RADIN in six steps: collect, search, verify, rank, compare, record."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from operator import attrgetter
from pathlib import Path
from typing import Any

from radin.common.arguments import check_arguments
from radin.common.bars import watched
from radin.common.files import write_json
from radin.common.progress import Progress
from radin.evaluation.arguments import check_inputs
from radin.evaluation.baselines import foreseen
from radin.evaluation.calibration import foretold
from radin.evaluation.race_settings import RaceSettings
from radin.evaluation.settings import Settings
from radin.evaluation.verification import elsewhere, trimmed, verify_best, without
from radin.evaluation.verifier import Verifier
from radin.evaluation.workers import Workers
from radin.recipe import Recipe
from radin.report.about import about_run
from radin.report.baseline import Baseline, assess_baseline, assess_beside, tested
from radin.report.card import write_card
from radin.report.comparison import Comparison, compare, control_value
from radin.report.diagnosis import findings_of
from radin.report.findings import Finding, race_findings, search_facts, shortage_findings
from radin.report.record import Record
from radin.report.result import Result
from radin.report.soup_place import check_run_folder, soup_place
from radin.report.spent import account
from radin.report.unseen import findings_on_tests
from radin.report.verdict import best_ingredient
from radin.report.verified_soup import VerifiedSoup, assess, marked, ranked
from radin.scoring.criterion import chosen_name, criterion_of
from radin.scoring.criterion_default import CRITERION
from radin.scoring.surrogate import Surrogate
from radin.searching.budget import Budget
from radin.searching.driver import search
from radin.searching.plugins import Searcher, SearchFunction
from radin.searching.shortlist import Shortlist
from radin.tasks.task import Task
from radin.weights.averaging import average
from radin.weights.pool import Pool


def make_soup(
    pool: Pool,
    task: Task,
    *,
    searcher: str | Searcher | SearchFunction = "forward",
    options: Mapping[str, Any] | None = None,
    budget: Budget | None = None,
    lam: float = 0.0,
    seed: int = 0,
    run_dir: str | os.PathLike[str] = "radin-run",
    criterion: str = CRITERION,
    calibrate: bool = True,
    batchnorm: str = "recompute",
    race: bool | RaceSettings | None = None,
    baselines: Sequence[str] = ("uniform",),
    workers: int | str | Workers | None = None,
    progress: Progress | bool = True,
) -> Result:
    """Finds the best soup of a pool with a budget of real evaluations (RADIN, arXiv 2401.17790).

    Every ingredient is run once over the task's data; in a race those that can no longer matter are dropped after a
    part of it. The searcher then ranks recipes by the score of their averaged logits, and the `budget.soups` best are
    built and evaluated for real. The single ingredients compete, at no cost, so the result is never worse on the
    selection data than the best ingredient that ran in full: by the default criterion its metric is within one standard
    error of the best, and among those that are it is the likeliest; by any other criterion it leads by that criterion.

    Held-back samples, and test sets, are run after the choice: for the winner, the best ingredient and the baselines.

    A run that is killed resumes with the same call: passes and soups that were completed are read from the run folder,
    and the search is replayed from its seed. Stored results that are damaged are computed again.

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
        run_dir: holds logits, BatchNorm statistics, ledger, `soup.safetensors` (of models' folders the folder `soup`),
            `leaderboard.json`, `report.html`, a model card (`README.md`, in the folder `soup` where there is one) and a
            picture.
        criterion: by what candidates are ranked and the winner is chosen: `metric` for the task's metric, `likelihood`
            for the mean log-likelihood of the labels, `tempered` for the same after one temperature is fitted to each
            candidate, `one-se` for `tempered` among those whose metric is within one paired standard error of the best.
            The default, `one-se`, is better than the metric on the mean of the pools of `docs/results.md`, and nowhere
            significantly worse; `tempered` alone is worse where thousands of samples select. The metric decides between
            equals, and is what is reported, whatever the criterion. λ, standard errors and calibration count in the
            criterion's unit. Metrics without a smooth relative are their own criterion, see `radin.scoring.criterion`.
        calibrate: learn from each verified soup how far real soups fall from their averaged logits, and choose the next
            one accordingly from the best 256 candidates, see `radin.evaluation.calibration`. False verifies
            the B best in order. The first soup is the same.
        batchnorm: policy for BatchNorm statistics of soups. `recompute`, the default, takes those of up to 1 024
            selecting samples, one more pass over them for each soup; `average` those of the members' mean, `keep`
            those of the member with the largest weight. On the pools of `docs/zoos.md` recomputed ones gave the best
            soups and the smallest gap to the averaged logits. Has no effect on networks without BatchNorm.
        race: runs the ingredients in stages over one fixed order of the selecting samples, and drops after each those
            that can no longer matter, see `radin.evaluation.racing`. By default pools of at least 9 ingredients race,
            as small as those of `docs/results.md`, on none of which that was inferior to all passes. True races by the
            default `RaceSettings` from 4 on, and False runs all in full. Dropped ingredients are listed apart, in
            `Result.dropped`. Data that cannot be read in a chosen order run in full.
        baselines: what to show beside the winner, of the whole pool, outside B: `uniform`, the soup of everything, one
            real soup; `greedy`, the greedy soup, and `last-k`, the best of the last k ingredients, up to N - 1 real
            soups each, and the passes that a race saved. They compete like the ingredients. Soups that were evaluated
            before cost nothing, and a recipe that a baseline will run takes none of B.
        workers: processes that run the networks side by side: a number, `auto` for one a GPU (or CPU core), or
            `radin.Workers` for a Ray cluster. By default this process runs them. The answer is the same.
        progress: watches the stages. The default, True, shows `radin.Bars` in a terminal and a notebook and nothing
            elsewhere; False shows nothing. A `radin.Progress` of your own is left open.

    Returns:
        the winner, the leaderboard, and the winner's score on data that selected nothing.

    Raises:
        InputError: an argument out of range, no such criterion or race, or an ingredient in the place of the soup in
            the run folder.
        PluginError: no such searcher or option.
        RunDirError: the run folder was made with other inputs, or is in use, or its ledger is damaged.
        IncompatibleError, CheckpointError, DataError, TaskError: see `Pool` and `Task`.
        StorageError: the disk is full; what was completed is kept.
    """
    check_inputs(pool, task)
    check_arguments(run_dir=run_dir)
    settings = Settings.of(
        len(pool),
        searcher=searcher,
        options=options,
        budget=budget,
        lam=lam,
        seed=seed,
        criterion=criterion,
        calibrate=calibrate,
        batchnorm=batchnorm,
        race=race,
        baselines=baselines,
        workers=workers,
    )
    check_run_folder(run_dir, pool)
    how: dict[str, Any] = {"batchnorm": batchnorm, "race": settings.race or False, "workers": settings.workers}
    with watched(progress) as watch, Verifier(pool, task, run_dir, **how, progress=watch) as verifier:
        return find_soup(verifier, settings, watch)


def find_soup(verifier: Verifier, settings: Settings, progress: Progress) -> Result:
    """Searches, verifies, ranks, compares and records, with the ingredients' outputs at hand.

    Arguments:
        verifier: of the pool, the task and the run folder; its ingredients have run.
        settings: of the run.
        progress: watches the stages.
    """
    pool, task = verifier.whole, verifier.task
    judge = criterion_of(settings.criterion, task.scored_by, verifier.bank.kind)
    chosen_by = chosen_name(settings.criterion, task.scored_by, verifier.bank.kind)
    surrogate = Surrogate(verifier.bank, judge, settings.lam)
    taken = foreseen(settings.baselines, pool.names, verifier.names)
    shortlist = list_best(surrogate, verifier, settings, taken, progress)
    found = verify(shortlist, surrogate, verifier, settings, taken, progress)
    beside = [assess_baseline(name, verifier, surrogate) for name in settings.baselines]
    others = assess_beside(elsewhere(trimmed(shortlist), taken, settings.soups), verifier, surrogate)
    verified, leaderboard = rank(found, [*soups_of(beside), *others], verifier, surrogate, chosen_by)
    tests, control = compare_on_all(leaderboard, verifier)
    beside = [replace(one, tests=tested(one, verifier)) for one in beside]
    findings = all_findings(verifier, verified or soups_of(beside), shortlist, found, settings.soups, len(taken))
    no_race = verifier.collection.no_race
    winner = describe(leaderboard[0], verifier, settings.to_json(shortlist.options, chosen_by, not no_race))
    soup = write_soup(leaderboard[0], verifier, settings.batchnorm)
    result = Result(
        leaderboard=leaderboard,
        verified=verified,
        report=next(iter(tests.values())),
        tests=tests if task.tests else {},
        control=control,
        spent=account(verifier, shortlist, found),
        metric=task.scored_by.name,
        higher_is_better=task.scored_by.higher_is_better,
        batchnorm=settings.batchnorm,
        settings=winner["settings"],
        run_dir=soup.parent,
        earlier=verifier.folder.earlier_winners(winner),
        ingredients=pool.files,
        criterion=chosen_by,
        dropped=verifier.dropped,
        about=about_run(verifier, leaderboard[0].recipe, best_ingredient(leaderboard).recipe, shortlist),
        is_folder=pool.is_folders,
        baselines=beside,
        findings=(
            *findings,
            *findings_on_tests(verifier, leaderboard[0].recipe, best_ingredient(leaderboard).recipe, findings),
            *race_findings(no_race if settings.race_asked else ""),
        ),
    )
    record(result, winner, verifier, shortlist)
    verifier.note_end(settings, [one.recipe for one in leaderboard])
    return result


def list_best(
    surrogate: Surrogate, verifier: Verifier, settings: Settings, taken: Sequence[Recipe], progress: Progress
) -> Shortlist:
    """The shortlist of the search on the averaged logits, long enough to leave out what baselines have `taken`."""
    return search(
        settings.searcher,
        surrogate,
        settings.budget,
        seed=settings.seed,
        top=settings.top + len(taken),
        options=settings.options,
        ledger=verifier.ledger,
        scope=verifier.scope,
        progress=progress,
    )


def verify(
    shortlist: Shortlist,
    surrogate: Surrogate,
    verifier: Verifier,
    settings: Settings,
    taken: Sequence[Recipe],
    progress: Progress,
) -> Shortlist:
    """The part of the shortlist that is built and run for real, with real scores."""
    listed = without(trimmed(shortlist), taken, settings.top)
    return verify_best(listed, verifier, surrogate, settings.budget, learns=settings.learns, progress=progress)


def rank(
    found: Shortlist, beside: Sequence[VerifiedSoup], verifier: Verifier, surrogate: Surrogate, chosen_by: str
) -> tuple[list[VerifiedSoup], list[VerifiedSoup]]:
    """The verified soups in the order of verification; the leaderboard of these, of baselines and of ingredients."""
    in_turn = [one.recipe for one in sorted(found, key=attrgetter("number"))]
    tried = assess(in_turn, verifier, surrogate, foretold(found))
    names = verifier.names
    singles = assess([Recipe.subset(names, [i]) for i in range(len(names))], verifier, surrogate)
    entries = list({one.recipe: one for one in (*beside, *singles, *tried)}.values())
    return tried, ranked(marked(entries, verifier, chosen_by))


def soups_of(beside: Sequence[Baseline]) -> list[VerifiedSoup]:
    """The soups that are results of baselines; a baseline may also end at a single ingredient, or fail."""
    return [one.soup for one in beside if one.soup is not None and one.soup.recipe.size > 1]


def compare_on_all(leaderboard: list[VerifiedSoup], verifier: Verifier) -> tuple[dict[str, Comparison], float | None]:
    """Winner and best ingredient on each test set, by name, else on held-back data; networks are run as needed.

    Returns:
        the comparisons, and the control's value on the selection data where there is a control.
    """
    winner, single = leaderboard[0].recipe, best_ingredient(leaderboard).recipe
    sets: list[str | None] = list(verifier.task.tests) or [None]
    tests = {name or "held-back": compare(winner, single, verifier, name) for name in sets}
    has_control = any(one.control is not None for one in tests.values())
    return tests, control_value(single, verifier) if has_control else None


def all_findings(
    verifier: Verifier,
    verified: Sequence[VerifiedSoup],
    shortlist: Shortlist,
    found: Shortlist,
    soups: int,
    elsewhere: int,
) -> tuple[Finding, ...]:
    """Findings on the pool, its soups, the search, and soups that the budget allows in vain."""
    shortage = shortage_findings(shortlist, found, soups, len(verifier.names), elsewhere)
    return (*findings_of(verifier, verified, search_facts(shortlist)), *shortage)


def describe(winner: VerifiedSoup, verifier: Verifier, settings: dict[str, Any]) -> dict[str, Any]:
    """A winner as the run folder remembers it."""
    about = {"text": str(winner.recipe), "metric": verifier.task.scored_by.name}
    return winner.to_json() | about | {"batchnorm": verifier.batchnorm, "settings": settings}


def write_soup(winner: VerifiedSoup, verifier: Verifier, batchnorm: str) -> Path:
    """Writes the winner's weights to the run folder, with the BatchNorm statistics that were recomputed for it.

    Returns:
        the file; the folder where the ingredients are models' folders.
    """
    about = {"radin.metric": verifier.task.scored_by.name, "radin.score": repr(winner.value)}
    pool = verifier.pool if winner.recipe.names == verifier.names else verifier.whole
    path, statistics = verifier.folder.path / soup_place(pool), verifier.recomputed(winner.recipe)
    average(pool, winner.recipe, path, batchnorm=batchnorm, metadata=about, replace=statistics)
    return path


def record(result: Result, winner: Mapping[str, Any], verifier: Verifier, shortlist: Shortlist) -> None:
    """Writes leaderboard, model card, report and picture to the run folder, and facts for later calls."""
    from radin.report.page.document import write_page
    from radin.report.run_picture import PICTURE, draw_run

    folder, document = verifier.folder, result.to_json()
    write_json(folder.path / "leaderboard.json", document)
    written = Record(document, folder.path)
    write_card(written)
    write_page(written)
    folder.record_winner(winner)
    folder.last_search = search_facts(shortlist)
    draw_run(written, folder.path / PICTURE)
