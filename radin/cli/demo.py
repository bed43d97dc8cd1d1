"""`radin demo`: the main job on a small real pool."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from radin.cli.console import json_option, print_json
from radin.cli.screen import Bars, print_table

#: The B for which the demo runs the whole procedure.
SOUPS = (1, 2, 4)
TASK = "radin.demo.digits:task"


@dataclass(frozen=True)
class Row:
    """One method of the demo's table."""

    method: str
    selection: float
    held_back: float
    soups: int
    size: int


@click.command("demo", epilog="Example: radin demo --dir radin-demo")
@click.option("--dir", "folder", default="radin-demo", show_default=True, help="Where pool and run are kept.")
@click.option("--seed", default=0, show_default=True, help="Seed of training and search.")
@json_option
def command(folder: str, seed: int, as_json: bool) -> None:
    """Train 13 small networks on scikit-learn's digits, then find their best soup: under two minutes."""
    from radin.demo.digits import train_pool
    from radin.tasks.load import load_task
    from radin.weights.pool import Pool

    root = Path(folder)
    with Bars() as bars:
        paths = train_pool(root / "pool", seed=seed, progress=bars)
        rows = compare(Pool(paths), load_task(TASK), root / "run", seed, bars)
    ours = f"radin soup '{root}/pool/*.safetensors' --task {TASK} --soups 4 --run-dir {root}/run"
    yours = "radin soup 'YOUR/*.safetensors' --task YOUR_TASK.py:task --soups 4"
    if as_json:
        print_json({"rows": [vars(row) for row in rows], "command": ours})
        return
    cells = [[r.method, f"{r.selection:.4f}", f"{r.held_back:.4f}", str(r.soups), str(r.size)] for r in rows]
    columns = ["method", "selection accuracy", "held-back accuracy", "real soups evaluated", "size"]
    print_table(f"digits: {len(paths)} fine-tunings of one network", columns, cells, numbers=(1, 2, 3, 4))
    click.echo(f"Soup, leaderboard, ledger and picture: {root / 'run'}")
    click.echo(f"The same again:     {ours}\nOn your own files:  {yours}")


def compare(pool: Any, task: Any, run: Path, seed: int, bars: Bars) -> list[Row]:
    """Best single ingredient, uniform soup and greedy soup beside the procedure at several B, in one run folder."""
    import numpy as np

    from radin.evaluation.verifier import Verifier
    from radin.procedure import make_soup
    from radin.recipe import Recipe
    from radin.searching.budget import Budget
    from radin.searching.driver import search

    with Verifier(pool, task, run, progress=bars) as verifier:

        def row(method: str, recipe: Recipe, soups: int) -> Row:
            _, labels, logits = verifier.unseen_logits(recipe)
            return Row(method, verifier.score(recipe), task.scored_by.score(logits, labels), soups, recipe.size)

        single = Recipe.subset(pool.names, [int(np.argmax(verifier.solo))])
        greedy = search("greedy", verifier, Budget(soups=None), seed=seed, top=1, ledger=verifier.ledger, progress=bars)
        won = greedy and greedy[0].score > verifier.solo.max()
        rows = [
            row("best single ingredient", single, 0),
            row("uniform soup", Recipe.uniform(pool.names), 1),
            row("greedy soup", greedy[0].recipe if won else single, greedy.charged),
        ]
    for soups in SOUPS:
        result = make_soup(pool, task, budget=Budget(soups=soups), seed=seed, run_dir=run, progress=bars)
        size, spent = result.best.recipe.size, result.spent.soups
        rows.append(Row(f"RADIN, B = {soups}", result.best.value, result.report.winner.value, spent, size))
    return rows
