"""`radin demo`: the main job on a small real pool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radin.cli.console import json_option, print_json, program
from radin.cli.screen import print_table, say
from radin.common.bars import Bars
from radin.common.wording import enumerated, in_passes, signed

if TYPE_CHECKING:
    from radin.demo.comparison import Difference, Row

TASK = "radin.demo.digits:task"


@click.command("demo", epilog="Example: radin demo --dir radin-demo")
@click.option(
    "--dir", "folder", default="radin-demo", show_default=True, help="The folder that pool and run are written to."
)
@click.option("--seed", default=0, show_default=True, help="Seed of training and search.")
@json_option
def command(folder: str, seed: int, as_json: bool) -> None:
    """Train 16 small networks on scikit-learn's digits, three of them badly, then find their best soup."""
    from radin.demo.comparison import compare
    from radin.demo.digits import train_mixed_pool
    from radin.tasks.load import load_task
    from radin.weights.pool import Pool

    root, task = Path(folder), load_task(TASK)
    with Bars() as bars:
        paths = train_mixed_pool(root / "pool", seed=seed, progress=bars)
        rows, differences = compare(Pool(paths), task, run_dir=root / "run", seed=seed, progress=bars)
    ours = f"{program()} soup '{root}/pool/*.safetensors' --task {TASK} --soups 4 --run-dir {root}/run"
    yours = f"{program()} soup 'YOUR/*.safetensors' --task YOUR_TASK.py:task --soups 4"
    if as_json:
        document = {"rows": [vars(row) for row in rows], "differences": [vars(one) for one in differences]}
        print_json(document | {"command": ours})
        return
    cells = [
        [r.method, f"{r.held_back:.4f}", f"{r.low:.3f} to {r.high:.3f}", str(r.soups), in_passes(r.passes), str(r.size)]
        for r in rows
    ]
    columns = ["method", "held-back accuracy", "95 % interval", "real soups", "passes in all", "size"]
    title = f"digits: {len(paths)} networks, three of which do not belong among the others"
    print_table(title, columns, cells, numbers=(1, 3, 4, 5))
    for paragraph in said(rows, differences, len(task.split[1])):
        say(paragraph)
    click.echo(f"Report, for a browser: {root / 'run' / 'report.html'}")
    click.echo(f"Soup, leaderboard, ledger and picture: {root / 'run'}")
    click.echo(f"The same again:     {ours}\nOn your own files:  {yours}")


def said(rows: Sequence[Row], differences: Sequence[Difference], images: int) -> list[str]:
    """The outcome in two paragraphs: what the last method took, and which differences are noise.

    Arguments:
        rows: of the table.
        differences: of the last row from the baselines.
        images: number of held-back images.
    """
    ours, greedy = rows[-1], next(row for row in rows if row.method.startswith("greedy"))
    cost = [
        "A pass runs one network over the data that choose.",
        f"{ours.method} took {in_passes(ours.passes)} passes in all, the greedy soup {in_passes(greedy.passes)}.",
    ]
    single = [row.method for row in rows if row.method.startswith("RADIN") and row.size == 1]
    if single:
        ends = "ends" if len(single) == 1 else "end"
        cost.append(f"{enumerated(single)} {ends} at a single ingredient: no soup that was built was better.")
    subject = f"On the {images} held-back images, which chose nothing, {ours.method}"
    text = list[str]()
    apart = [one for one in differences if not one.is_noise]
    for word, others in (
        ("better", [one for one in apart if one.difference > 0]),
        ("worse", [one for one in apart if one.difference <= 0]),
    ):
        if others:
            text.append(f"{subject} is {word} than {_listed(others)} by more than noise.")
            subject = "It"
    if alike := [one for one in differences if one.is_noise]:
        text.append(f"{subject} differs from {_listed(alike)} by no more than noise.")
    return [" ".join(cost), " ".join(text)]


def _listed(differences: Sequence[Difference]) -> str:
    return enumerated([f"the {one.method} ({signed(one.difference)}, p = {one.p_value:.2g})" for one in differences])
