"""The comparison of `radin demo`: usual baselines and the whole procedure at several budgets."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from radin.common.progress import SILENT, Progress
from radin.evaluation.verifier import Verifier
from radin.procedure import make_soup
from radin.recipe import Recipe
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
        soups: real soups that were evaluated for it.
        size: ingredients of its recipe.
    """

    method: str
    selection: float
    held_back: float
    soups: int
    size: int


def compare(
    pool: Pool,
    task: Task,
    *,
    run_dir: str | os.PathLike[str],
    soups: Sequence[int] = SOUPS,
    seed: int = 0,
    progress: Progress = SILENT,
) -> list[Row]:
    """Compares the best single ingredient, the uniform soup and the greedy soup with `make_soup`, in one run folder.

    Arguments:
        pool: the ingredients.
        task: the network and data; its metric must be higher-better, such as accuracy.
        run_dir: the run folder that all methods share, so that no soup is evaluated twice.
        soups: budgets B of real soups, one row for each.
        seed: seed of the searchers' randomness.
        progress: receives the progress of each stage.
    """
    rows = _baselines(pool, task, run_dir, seed, progress)
    for most in soups:
        how: dict[str, Any] = {"budget": Budget(soups=most), "seed": seed, "run_dir": run_dir, "baselines": ()}
        result = make_soup(pool, task, **how, progress=progress)
        size, spent = result.best.recipe.size, result.spent.soups
        rows.append(Row(f"RADIN, B = {most}", result.best.value, result.report.winner.value, spent, size))
    return rows


def _baselines(pool: Pool, task: Task, run_dir: str | os.PathLike[str], seed: int, progress: Progress) -> list[Row]:
    with Verifier(pool, task, run_dir, progress=progress) as verifier:

        def row(method: str, recipe: Recipe, soups: int) -> Row:
            _, labels, logits = verifier.unseen_logits(recipe)
            return Row(method, verifier.score(recipe), task.scored_by.score(logits, labels), soups, recipe.size)

        single = Recipe.subset(pool.names, [int(verifier.solo.argmax())])
        recorded: dict[str, Any] = {"ledger": verifier.ledger, "progress": progress}
        greedy = search("greedy", verifier, Budget(soups=None), seed=seed, top=1, **recorded)
        won = greedy and greedy[0].score > verifier.solo.max()
        return [
            row("best single ingredient", single, 0),
            row("uniform soup", Recipe.uniform(pool.names), 1),
            row("greedy soup", greedy[0].recipe if won else single, greedy.charged),
        ]
