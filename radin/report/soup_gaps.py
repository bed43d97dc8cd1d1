"""Verified soups beside their ensembles, their parts and what scores by chance: what findings rest on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radin.evaluation.calibration import gap_of
from radin.recipe import Recipe
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric
from radin.scoring.significance import paired_error

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier
    from radin.scoring.surrogate import Surrogate

#: Standard errors of a paired difference below which nothing is said.
SURE = 3.0

#: Samples and shufflings of the labels that say what a network scores by chance.
CHANCE_SAMPLES, CHANCE_SHUFFLES = 1_000, 20


@dataclass(frozen=True)
class Measured:
    """A verified soup beside its ensemble and its parts, on the selection data; all scores, higher is better.

    Attributes:
        recipe: what was verified.
        score: of the soup.
        gap: the soup's score minus its ensemble's.
        lost: the share of what the ensemble knows beyond chance that the soup does not; negative if it knows more.
        sure: whether the gap exceeds `SURE` standard errors of the paired difference.
        barrier: for two in equal parts, the share of what the parts know on average that the soup does not; else None.
        barrier_sure: whether that exceeds the larger of `SURE` paired errors against either part.
        ahead: the soup's score minus the best ingredient's.
        ahead_error: standard error of that paired difference.
    """

    recipe: Recipe
    score: float
    gap: float
    lost: float
    sure: bool
    barrier: float | None = None
    barrier_sure: bool = False
    ahead: float = 0.0
    ahead_error: float = 0.0


def measure_soups(verifier: Verifier, surrogate: Surrogate, recipes: Sequence[Recipe]) -> list[Measured]:
    """Verified recipes beside their ensembles; what is in the run folder is read, the rest is evaluated and charged."""
    bank, metric, labels = verifier.bank, verifier.task.scored_by, verifier.bank.labels
    solo = verifier.solo
    leader = int(solo.argmax())
    chance = against_chance(bank, metric, leader)[1]
    single = metric.measure(bank.read(leader, 0, bank.n_samples), labels)
    observe = gap_of(surrogate, verifier.selection_logits)

    def share(difference: float, score: float) -> float:
        return difference / max(score - chance, 1e-12)

    measured = []
    for recipe in recipes:
        gap, error = observe(recipe)
        soup = metric.measure(verifier.selection_logits(recipe), labels)
        score = metric.score_of(soup, labels)
        barrier, barrier_sure = None, False
        if recipe.size == 2 and recipe.is_subset:
            parts = [metric.measure(bank.read(i, 0, bank.n_samples), labels) for i in recipe.members]
            below = float(np.mean([metric.score_of(part, labels) for part in parts])) - score
            barrier = share(below, score + below)
            barrier_sure = below > SURE * max(paired_error(metric, soup, part, labels) for part in parts)
        measured.append(
            Measured(
                recipe,
                score,
                gap,
                lost=share(-gap, score - gap),
                sure=abs(gap) > SURE * error,
                barrier=barrier,
                barrier_sure=barrier_sure,
                ahead=score - float(solo[leader]),
                ahead_error=paired_error(metric, soup, single, labels),
            )
        )
    return measured


def chance_samples(bank: LogitBank, metric: Metric) -> int:
    """How many samples `against_chance` looks at."""
    # A metric of one's own may be undefined on a part, as an area under the ROC curve is without positives.
    return min(CHANCE_SAMPLES, bank.n_samples) if metric.defined_on_parts else bank.n_samples


def against_chance(bank: LogitBank, metric: Metric, i: int) -> tuple[float, float, float]:
    """Score of one ingredient on some samples, and mean and standard deviation of its scores on shuffled labels."""
    rng, m = np.random.default_rng(0), chance_samples(bank, metric)
    some = bank.take(np.sort(rng.permutation(bank.n_samples)[:m]))
    logits, labels = some.read(i, 0, m), some.labels
    shuffled = [metric.score(logits, rng.permutation(labels)) for _ in range(CHANCE_SHUFFLES)]
    return metric.score(logits, labels), float(np.mean(shuffled)), float(np.std(shuffled, ddof=1))
