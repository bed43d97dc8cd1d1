"""Searchers side by side on real pools, beside what people do today.

    python -m benchmarks.compare --zoo digits fashion-mnist --soups 1 2 4

Every method is charged as if it had evaluated its soups itself; their logits are kept in one folder per pool, so that a
soup which two methods try runs once. Scores on held-out data are those of the pool's test set, or of the part of the
validation data that selects nothing.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

import radin
from benchmarks import zoos
from radin.cli.console import Bars, output, table
from radin.procedure import merit


@dataclass(frozen=True)
class Row:
    """One method on one pool, with all that it spent."""

    zoo: str
    method: str
    soups_allowed: int | None
    selection: float
    held_out: float
    size: int
    soups: int
    candidates: int
    seconds_search: float


@click.command(epilog="Example: python -m benchmarks.compare --zoo digits --searcher greedy --soups 1 2 4")
@click.option("--zoo", "zoo_names", multiple=True, default=("digits",), show_default=True)
@click.option("--searcher", "searchers", multiple=True, help="All that are installed by default.")
@click.option("--soups", multiple=True, type=int, default=(1, 2, 4), show_default=True, help="B, once for each value.")
@click.option("--candidates", default=4_000, show_default=True, help="K for every searcher.")
@click.option("--lam", default=1.0, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--run-dir", default="runs/compare", show_default=True, help="Keeps the logits of every soup.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Appends one line per row to this file.")
@click.option("--markdown", is_flag=True, help="Print the table as Markdown.")
def main(
    zoo_names: tuple[str, ...],
    searchers: tuple[str, ...],
    soups: tuple[int, ...],
    candidates: int,
    lam: float,
    seed: int,
    run_dir: str,
    json_file: Path | None,
    markdown: bool,
) -> None:
    """Compare searchers at equal budgets of real soups, beside best single, uniform and greedy soup."""
    chosen = searchers or tuple(sorted(radin.searchers()))
    for name in zoo_names:
        rows = []
        with Bars() as bars:
            zoo = zoos.get(name)
            pool, task = radin.Pool(zoo.build(progress=bars)), zoo.task()
            run = Path(run_dir) / name
            for row in (
                *baselines(name, pool, task, run, bars),
                *searched(name, pool, task, run, chosen, soups, candidates, lam, seed, bars),
            ):
                rows.append(row)
                if json_file:
                    with json_file.open("a") as file:
                        file.write(
                            json.dumps(asdict(row) | {"lam": lam, "seed": seed, "radin": radin.__version__}) + "\n"
                        )
        show(name, len(pool), rows, markdown)


def baselines(name: str, pool: radin.Pool, task: radin.Task, run: Path, bars: Bars) -> Iterator[Row]:
    """What people do without a search: the best single ingredient, everything, and the greedy soup in full."""
    with radin.Verifier(pool, task, run, progress=bars) as verifier:

        def row(method: str, recipe: radin.Recipe, soups: int) -> Row:
            _, labels, logits = verifier.unseen_logits(recipe)
            selection = task.scored_by.value(verifier.logits(recipe)[verifier.selection_rows], verifier.bank.labels)
            held_out = task.scored_by.value(logits, labels)
            return Row(name, method, None, selection, held_out, recipe.size, soups, 0, 0.0)

        single = radin.Recipe.subset(pool.names, [int(verifier.solo.argmax())])
        greedy = radin.search("greedy", verifier, radin.Budget(soups=None), top=1, progress=bars)
        won = greedy and greedy[0].score > verifier.solo.max()
        yield row("best single ingredient", single, 0)
        yield row("uniform soup", radin.Recipe.uniform(pool.names), 1)
        yield row("greedy soup", greedy[0].recipe if won else single, greedy.charged)


def searched(
    name: str,
    pool: radin.Pool,
    task: radin.Task,
    run: Path,
    searchers: tuple[str, ...],
    soups: tuple[int, ...],
    candidates: int,
    lam: float,
    seed: int,
    bars: Bars,
) -> Iterator[Row]:
    """The procedure with every searcher; a smaller B verifies the first soups of a larger one's shortlist."""
    for searcher in searchers:
        budget = radin.Budget(soups=max(soups), candidates=candidates)
        found = radin.make_soup(pool, task, searcher, budget=budget, lam=lam, seed=seed, run_dir=run, progress=bars)
        singles = [entry for entry in found.leaderboard if entry.recipe.size == 1]
        with radin.Verifier(pool, task, run, progress=bars) as verifier:
            for cap in sorted(soups):
                best = max([*found.verified[:cap], *singles], key=merit(task))
                _, labels, logits = verifier.unseen_logits(best.recipe)
                yield Row(
                    zoo=name,
                    method=searcher,
                    soups_allowed=cap,
                    selection=best.score,
                    held_out=task.scored_by.value(logits, labels),
                    size=best.recipe.size,
                    soups=min(cap, found.spent.soups),
                    candidates=found.spent.candidates,
                    seconds_search=found.spent.seconds_search,
                )


def show(name: str, n: int, rows: list[Row], markdown: bool) -> None:
    """Prints the table of one pool."""
    columns = ["method", "B", "selection", "held out", "size", "real soups", "candidates", "search, s"]
    cells: list[list[Any]] = [
        [
            row.method,
            "" if row.soups_allowed is None else str(row.soups_allowed),
            f"{row.selection:.4f}",
            f"{row.held_out:.4f}",
            str(row.size),
            str(row.soups),
            f"{row.candidates:,}",
            f"{row.seconds_search:.1f}",
        ]
        for row in rows
    ]
    if not markdown:
        output().print(table(f"{name}: {n} ingredients", columns, cells, numbers=range(1, len(columns))))
        return
    click.echo(f"\n**{name}**, {n} ingredients\n")
    for line in (columns, ["---"] + ["---:"] * (len(columns) - 1), *cells):
        click.echo("| " + " | ".join(line) + " |")


if __name__ == "__main__":
    main()
