"""The comparison of `radin demo`: usual baselines and the whole procedure at several budgets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from radin.common.progress import SILENT, Progress
from radin.evaluation.verifier import Verifier
from radin.procedure import make_soup
from radin.recipe import Recipe
from radin.report.comparison import NOISE, estimate_of
from radin.scoring.significance import paired_p_value
from radin.searching.budget import Budget
from radin.searching.driver import search
from radin.tasks.task import Task
from radin.weights.pool import Pool

#: Budgets of real soups at which the demo runs the procedure; chosen by hand.
SOUPS = (1, 2, 4)


@dataclass(frozen=True)
class Row:
    """One method of the comparison.

    Attributes:
        method: its name.
        selection: the metric of its network on the data that selected it.
        held_back: the same on the data that selected nothing.
        low, high: its 95 % interval.
        soups: real soups that were evaluated for it.
        passes: forward passes over the selection data that it takes in all, those of ingredients included; parts of
            passes count as parts.
        size: ingredients of its recipe.
    """

    method: str
    selection: float
    held_back: float
    low: float
    high: float
    soups: int
    passes: float
    size: int


@dataclass(frozen=True)
class Difference:
    """The last method of the comparison against another one, on the held-back data.

    Attributes:
        method: the other one's name.
        difference: in the metric, above 0 where the last method is better.
        p_value: of the paired test; 1 where both are one network.
    """

    method: str
    difference: float
    p_value: float

    @property
    def is_noise(self) -> bool:
        """Whether the data cannot tell the two apart, by a p-value of 0.05 or more."""
        return self.p_value >= NOISE


def compare(
    pool: Pool,
    task: Task,
    *,
    run_dir: str | os.PathLike[str],
    soups: Sequence[int] = SOUPS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> tuple[list[Row], list[Difference]]:
    """Compares the best single ingredient, the uniform soup and the greedy soup with `make_soup`.

    Arguments:
        pool: the ingredients.
        task: the network and data; its metric must be higher-better, such as accuracy.
        run_dir: the run folder of `make_soup`. The other methods have the folder `baselines` beside it, so that what
            they run is not taken for a part of radin's bill.
        soups: budgets B of real soups, one row for each.
        seed: seed of the searchers' randomness.
        progress: receives the progress of each stage.

    Returns:
        a row for each method, and the last method against each of the baselines on the held-back data.
    """
    beside = Path(run_dir).with_name("baselines")
    with Verifier(pool, task, beside, progress=progress) as verifier:
        single = Recipe.subset(pool.names, [int(verifier.solo.argmax())])
        recorded: dict[str, Any] = {"ledger": verifier.ledger, "progress": progress}
        greedy = search("greedy", verifier, Budget(soups=None), seed=seed, top=1, **recorded)
        won = greedy and greedy[0].score > verifier.solo.max()
        made: list[tuple[str, Recipe, int, float]] = [
            ("best single ingredient", single, 0, float(len(pool))),
            ("uniform soup", Recipe.uniform(pool.names), 1, 1.0),
            ("greedy soup", greedy[0].recipe if won else single, greedy.charged, float(len(pool) + greedy.charged)),
        ]
    for most in soups:
        how: dict[str, Any] = {"budget": Budget(soups=most), "seed": seed, "run_dir": run_dir, "baselines": ()}
        result = make_soup(pool, task, **how, progress=progress)
        spent = result.spent.soups
        recipe = Recipe.of(pool.names, result.best.recipe.to_json())
        made.append((f"RADIN, B = {most}", recipe, spent, result.spent.passes_worth + spent))
    with Verifier(pool, task, beside, progress=progress) as verifier:
        rows = [_row(verifier, *one) for one in made]
        last = made[-1]
        return rows, [_difference(verifier, last[1], name, recipe) for name, recipe, *_ in made[:3]]


def _row(verifier: Verifier, method: str, recipe: Recipe, soups: int, passes: float) -> Row:
    metric = verifier.task.scored_by
    _, labels, logits = verifier.unseen_logits(recipe)
    held = estimate_of(metric, metric.measure(logits, labels), labels)
    return Row(method, verifier.score(recipe), held.value, held.low, held.high, soups, passes, recipe.size)


def _difference(verifier: Verifier, ours: Recipe, name: str, theirs: Recipe) -> Difference:
    metric = verifier.task.scored_by
    _, labels, logits = verifier.unseen_logits(ours)
    a, b = (metric.measure(one, labels) for one in (logits, verifier.unseen_logits(theirs)[2]))
    p_value = 1.0 if ours == theirs else paired_p_value(metric, a, b, labels)
    return Difference(name, metric.value_of(a, labels) - metric.value_of(b, labels), p_value)
