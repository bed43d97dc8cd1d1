"""`radin demo`: the main job on a small real pool."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from radin.cli.console import json_option, print_json
from radin.cli.screen import print_table, say
from radin.common.bars import Bars
from radin.common.wording import enumerated, signed

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

    root = Path(folder)
    with Bars() as bars:
        paths = train_mixed_pool(root / "pool", seed=seed, progress=bars)
        rows, differences = compare(Pool(paths), load_task(TASK), run_dir=root / "run", seed=seed, progress=bars)
    ours = f"radin soup '{root}/pool/*.safetensors' --task {TASK} --soups 4 --run-dir {root}/run"
    yours = "radin soup 'YOUR/*.safetensors' --task YOUR_TASK.py:task --soups 4"
    if as_json:
        document = {"rows": [vars(row) for row in rows], "differences": [vars(one) for one in differences]}
        print_json(document | {"command": ours})
        return
    cells = [
        [r.method, f"{r.held_back:.4f}", f"{r.low:.3f} to {r.high:.3f}", str(r.soups), str(r.passes), str(r.size)]
        for r in rows
    ]
    columns = ["method", "held-back accuracy", "95 % interval", "real soups", "passes in all", "size"]
    title = f"digits: {len(paths)} networks, three of which do not belong among the others"
    print_table(title, columns, cells, numbers=(1, 3, 4, 5))
    say(said(rows[-1], differences))
    click.echo(f"Soup, leaderboard, ledger and picture: {root / 'run'}")
    click.echo(f"The same again:     {ours}\nOn your own files:  {yours}")


def said(ours: Row, differences: Sequence[Difference]) -> str:
    """Which differences between the last row and the baselines are noise, and which are more, in a sentence or two."""
    alike = [f"the {one.method} ({signed(one.difference)})" for one in differences if one.is_noise]
    apart = [f"the {one.method} ({signed(one.difference)})" for one in differences if not one.is_noise]
    text = []
    if apart:
        text.append(f"On the held-back data {ours.method} differs by more than noise from {enumerated(apart)}.")
    if alike:
        which = "They cannot tell it" if apart else f"The held-back data cannot tell {ours.method}"
        noise = "the difference is noise" if len(alike) == 1 else "the differences are noise"
        text.append(f"{which} from {enumerated(alike)}: {noise}.")
    return " ".join(text)
