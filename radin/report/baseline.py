"""Baselines as a result shows them: what the soups that a user asks for first are worth."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from radin.errors import NonFiniteError
from radin.evaluation.baselines import BaselineRun, run_baseline
from radin.recipe import Recipe
from radin.report.comparison import Estimate, estimate_of
from radin.report.verified_soup import VerifiedSoup, assess

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier
    from radin.scoring.surrogate import Surrogate


@dataclass(frozen=True)
class Baseline:
    """A baseline with its scores.

    Attributes:
        name: `uniform`, `greedy` or `last-k`.
        soup: its result on the selection data; it competes on the leaderboard, where it is a soup. None where its
            outputs are not finite. `ensemble` is NaN where a race dropped one of its ingredients.
        soups: distinct real soups that it takes, those that were evaluated before included.
        failure: why it has no score; empty if it has one.
        tests: its value and interval on data that selected nothing, by the names of `Result.tests`.
    """

    name: str
    soup: VerifiedSoup | None
    soups: int
    failure: str = ""
    tests: Mapping[str, Estimate] = field(default_factory=dict)

    @property
    def value(self) -> float:
        """The metric's value on the selection data; NaN where there is none."""
        return math.nan if self.soup is None else self.soup.value

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        soup = None if self.soup is None else self.soup.to_json()
        about = {"name": self.name, "soup": soup, "soups": self.soups, "failure": self.failure}
        return about | {"tests": {name: asdict(one) for name, one in self.tests.items()}}


def assess_baseline(name: str, verifier: Verifier, surrogate: Surrogate) -> Baseline:
    """Runs a baseline on the selection data, as far as that was not done before."""
    run = run_baseline(name, verifier)
    return Baseline(name, None if run.failure else _assessed(run, verifier, surrogate), run.soups, run.failure)


def assess_beside(recipes: Sequence[Recipe], verifier: Verifier, surrogate: Surrogate) -> list[VerifiedSoup]:
    """Soups that baselines have run on their way; those whose outputs are not finite are left out."""
    finite = []
    for recipe in recipes:
        with suppress(NonFiniteError):
            verifier.baseline_logits(recipe)
            finite.append(recipe)
    return assess(finite, verifier, surrogate)


def _assessed(run: BaselineRun, verifier: Verifier, surrogate: Surrogate) -> VerifiedSoup:
    (soup,) = assess([run.recipe], verifier, surrogate)
    return soup


def tested(baseline: Baseline, verifier: Verifier) -> Mapping[str, Estimate]:
    """A baseline's values on the data that selected nothing; networks are run as needed."""
    if baseline.soup is None:
        return {}
    estimates = {}
    for name in verifier.task.tests or ["held-back"]:
        on = name if name in verifier.task.tests else None
        try:
            _, labels, logits = verifier.unseen_logits(baseline.soup.recipe, on, baseline=True)
        except NonFiniteError:
            continue
        metric = verifier.task.scored_by
        estimates[name] = estimate_of(metric, metric.measure(logits, labels), labels, verifier.unseen_groups(on))
    return estimates
