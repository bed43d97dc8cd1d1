"""Verification: which recipes of a shortlist are built and evaluated for real, and in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from radin.common.progress import SILENT, Progress
from radin.evaluation.calibration import as_rows, calibrated, dispersions, gap_of
from radin.evaluation.keys import verification_scope
from radin.evaluation.verifier import Verifier
from radin.recipe import Recipe
from radin.scoring.criterion import criterion_name
from radin.scoring.surrogate import Surrogate
from radin.searching.budget import Budget
from radin.searching.driver import search
from radin.searching.plugins import SearchFunction
from radin.searching.problem import Problem, Proposals
from radin.searching.shortlist import Candidate, Shortlist

#: Smaller weights of a mixing recipe are dropped before it is verified: they change no score that can be seen, and
#: would be counted among the members. Chosen by hand.
LEAST = 1e-4


def verify_best(
    shortlist: Shortlist,
    verifier: Verifier,
    surrogate: Surrogate,
    budget: Budget,
    *,
    learns: bool,
    progress: Progress = SILENT,
) -> Shortlist:
    """Verifies recipes of a shortlist until the budget's soups, or the time that the search has left, are spent.

    Arguments:
        shortlist: found by the search on the surrogate.
        verifier: charged with the soups, in its ledger.
        surrogate: ranked the shortlist.
        budget: of the whole run.
        learns: whether each soup has a say in which one is next; else the best are verified in order.
        progress: watches the soups.
    """
    at_once = verifier.at_once
    verification = corrected(shortlist, verifier, surrogate) if learns else in_order(shortlist, at_once)
    listed = [candidate.recipe.dumps() for candidate in shortlist]
    by = criterion_name(surrogate.metric, verifier.task.scored_by)
    scope = verification_scope(verifier.scope, listed, surrogate.lam if learns else None, by, at_once)
    recorded: dict[str, Any] = {"ledger": verifier.ledger, "scope": scope, "progress": progress}
    return search(verification, verifier, _left(budget, shortlist), top=budget.soups or len(shortlist), **recorded)


def trimmed(shortlist: Shortlist) -> Shortlist:
    """A shortlist whose recipes have no weight below `LEAST`; the other weights are scaled up to sum 1.

    Recipes that become equal are listed once, and those that become a single ingredient not at all, since all of these
    compete in any case. Recipes without such weights stay as they are. Scores stay those of the untrimmed recipes.
    """
    kept: dict[Recipe, Candidate] = {}
    for candidate in shortlist:
        recipe = candidate.recipe
        if min(recipe.member_weights) < LEAST <= max(recipe.member_weights):
            left = np.array([weight if weight >= LEAST else 0.0 for weight in recipe.weights])
            recipe = Recipe(recipe.names, tuple((left / left.sum()).tolist()))
        if recipe.size > 1:
            kept.setdefault(recipe, replace(candidate, recipe=recipe))
    return replace(shortlist, candidates=tuple(kept.values()))


def without(shortlist: Shortlist, recipes: Sequence[Recipe], top: int) -> Shortlist:
    """The best of a shortlist, some recipes left out.

    Arguments:
        shortlist: found by the search on the surrogate.
        recipes: those that are evaluated in any case, and charged elsewhere.
        top: candidates to keep at most.
    """
    left = (candidate for candidate in shortlist if candidate.recipe not in recipes)
    return replace(shortlist, candidates=tuple(left)[:top])


def elsewhere(shortlist: Shortlist, recipes: Sequence[Recipe], soups: int | None) -> list[Recipe]:
    """Those of some recipes that stand among the best of a shortlist, so that B would have been spent on them.

    Arguments:
        shortlist: found by the search on the surrogate.
        recipes: those that are evaluated in any case, and charged elsewhere.
        soups: B; None takes the whole shortlist.
    """
    found, others = [], 0
    for candidate in shortlist:
        if others == soups:
            break
        if candidate.recipe in recipes:
            found.append(candidate.recipe)
        else:
            others += 1
    return found


def in_order(shortlist: Shortlist, at_once: int = 1) -> SearchFunction:
    """A searcher that proposes the recipes of a shortlist, best first, some at once."""

    def verification(problem: Problem) -> Proposals:
        """The shortlist of another search."""
        for start in range(0, len(shortlist), at_once):
            yield as_rows(candidate.recipe for candidate in shortlist[start : start + at_once])

    return verification


def corrected(shortlist: Shortlist, verifier: Verifier, surrogate: Surrogate) -> SearchFunction:
    """A searcher that proposes recipes of a shortlist by what soups so far say of the gap."""
    gap = gap_of(surrogate, verifier.selection_logits)
    return calibrated(shortlist, dispersions(verifier), gap, verifier.at_once)


def _left(budget: Budget, shortlist: Shortlist) -> Budget:
    """The budget that the search has left for verification; at least a moment, so that verification can say so."""
    if budget.seconds is None:
        return budget
    return replace(budget, seconds=max(budget.seconds - shortlist.seconds, 1e-9))
