"""Baselines: the soups that a user asks for first. They are run beside the B soups of a run, and charged apart.

A baseline is made of the whole pool, the ingredients that a race dropped included. `uniform` is one soup of everything.
`greedy` and `last-k` are those searchers on real soups, with no cap, so they charge what they need: up to N - 1 soups,
and the passes that a race saved. Soups that were evaluated before, by this run or an earlier one, cost nothing more.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float64

from radin.errors import NonFiniteError
from radin.recipe import Recipe, as_proposals
from radin.scoring.objective import Proposal, Unit
from radin.searching.budget import Budget
from radin.searching.driver import search

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier


@dataclass(frozen=True)
class BaselineRun:
    """The outcome of a baseline on the selection data.

    Attributes:
        name: of the baseline.
        recipe: its result; over the ingredients that ran in full, if it is made of these, else over the whole pool.
        soups: distinct real soups that it takes, those that were evaluated before included.
        failure: why its result has no score; empty if it has one.
    """

    name: str
    recipe: Recipe
    soups: int
    failure: str = ""


def foreseen(baselines: Sequence[str], whole: Sequence[str], names: Sequence[str]) -> list[Recipe]:
    """The soups that baselines will run whatever comes out, so that none of B is spent on them.

    Arguments:
        baselines: their names.
        whole: the ingredients of the whole pool.
        names: those that ran in full. Soups of others are left out.
    """
    last = range(2, len(whole) + 1) if "last-k" in baselines else range(0)
    sizes = {*last, *([len(whole)] if "uniform" in baselines and len(whole) > 1 else [])}
    members = [whole[len(whole) - size :] for size in sorted(sizes)]
    return [Recipe.of(names, np.isin(names, one)) for one in members if set(one) <= set(names)]


def run_baseline(name: str, verifier: Verifier) -> BaselineRun:
    """Runs a baseline on the selection data, as far as its soups were not evaluated before.

    Arguments:
        name: one of `radin.evaluation.settings.BASELINES`.
        verifier: runs the networks and is charged.
    """
    soups = WholePool(verifier)
    if name == "uniform":
        recipe = Recipe.uniform(soups.names)
        soups(recipe.row[None])
        return BaselineRun(name, _narrowed(recipe, verifier), 1, soups.failures.get(recipe, ""))
    found = search(name, soups, Budget(soups=None), top=1, progress=verifier.progress)
    single = int(soups.solo.argmax()) if name == "greedy" else len(soups.names) - 1
    recipe = Recipe.subset(soups.names, [single])
    if found and found[0].score > soups.solo[single]:
        recipe = found[0].recipe
    return BaselineRun(name, _narrowed(recipe, verifier), found.charged, soups.failures.get(recipe, ""))


class WholePool:
    """Real soups of the whole pool, charged as a baseline's; an `Objective` for the searchers that are baselines.

    A network whose outputs are not finite scores -inf, and is no reason to stop.

    Arguments:
        verifier: runs the networks.

    Attributes:
        names: all ingredients, those that a race dropped included.
        failures: why a recipe has no score.
    """

    unit: Unit = "soup"

    def __init__(self, verifier: Verifier) -> None:
        self._verifier = verifier
        self.names = verifier.whole.names
        self.failures: dict[Recipe, str] = {}

    @cached_property
    def solo(self) -> Float64[np.ndarray, " n"]:
        """Each ingredient's own score."""
        return self(np.eye(len(self.names), dtype=bool))

    def __call__(self, weights: Proposal, /) -> Float64[np.ndarray, " k"]:
        """Scores of `k` recipes on the selection data."""
        recipes = [Recipe.of(self.names, row) for row in as_proposals(weights, len(self.names))]
        return np.array([self._score(recipe) for recipe in recipes], dtype=np.float64)

    def _score(self, recipe: Recipe) -> float:
        try:
            logits = self._verifier.baseline_logits(recipe)
        except NonFiniteError as error:
            self.failures[recipe] = str(error)
            return -np.inf
        return self._verifier.task.scored_by.score(logits, self._verifier.bank.labels)


def _narrowed(recipe: Recipe, verifier: Verifier) -> Recipe:
    """The same recipe over the ingredients that ran in full, if it is made of these."""
    if not set(recipe.member_names) <= set(verifier.names):
        return recipe
    return Recipe.of(verifier.names, recipe.to_json())
