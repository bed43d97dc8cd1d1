"""`radin demo`: the main job on a small real pool."""

from __future__ import annotations

from pathlib import Path

import click

from radin.cli.console import json_option, print_json
from radin.cli.screen import print_table
from radin.common.bars import Bars

TASK = "radin.demo.digits:task"


@click.command("demo", epilog="Example: radin demo --dir radin-demo")
@click.option(
    "--dir", "folder", default="radin-demo", show_default=True, help="The folder that pool and run are written to."
)
@click.option("--seed", default=0, show_default=True, help="Seed of training and search.")
@json_option
def command(folder: str, seed: int, as_json: bool) -> None:
    """Train 13 small networks on scikit-learn's digits, then find their best soup: under two minutes."""
    from radin.demo.comparison import compare
    from radin.demo.digits import train_pool
    from radin.tasks.load import load_task
    from radin.weights.pool import Pool

    root = Path(folder)
    with Bars() as bars:
        paths = train_pool(root / "pool", seed=seed, progress=bars)
        rows = compare(Pool(paths), load_task(TASK), run_dir=root / "run", seed=seed, progress=bars)
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
