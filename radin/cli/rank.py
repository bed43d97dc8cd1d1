"""`radin rank`: the surrogate alone, on logits from anywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from radin.cli.console import json_option, pairs, print_json, searcher_options
from radin.cli.screen import Bars, print_table
from radin.common.wording import counted
from radin.errors import InputError


@click.command(
    "rank",
    epilog="Examples: radin rank --logits logits/ --searcher monte-carlo -p p=0.3 --candidates 5000  |  "
    "radin rank --logits vit-run/logits --logits resnet-run/logits",
)
@click.option(
    "--logits",
    "folders",
    required=True,
    multiple=True,
    metavar="DIR",
    help="One .npy file of shape [samples, classes] per model; again for models of another architecture.",
)
@click.option("--labels", metavar="FILE", help="The labels; labels.npy in each folder by default.")
@click.option(
    "--samples",
    type=click.Choice(["selection", "all"]),
    default="selection",
    show_default=True,
    help="Of a run's logits: the samples that select, or those held back as well.",
)
@searcher_options
@click.option(
    "--metric", default="accuracy", show_default=True, help="accuracy, top5, balanced-accuracy, macro-f1, nll."
)
@click.option("--top", default=10, show_default=True, help="How many recipes to list.")
@click.option("--seconds", type=float, help="Most seconds to search.")
@json_option
def command(
    folders: tuple[str, ...],
    labels: str | None,
    samples: Any,
    searcher: str,
    parameters: tuple[str, ...],
    candidates: int,
    lam: float,
    seed: int,
    metric: str,
    top: int,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Rank recipes by the score of their averaged logits; no network is run.

    Models whose weights cannot be averaged, of several architectures for one, are ranked as ensembles of their logits.
    """
    from radin.scoring.logit_bank import LogitBank
    from radin.scoring.logit_folder import SPLIT
    from radin.scoring.surrogate import Surrogate
    from radin.searching.budget import Budget
    from radin.searching.driver import search

    budget = Budget(candidates=candidates, seconds=seconds)
    banks = {_title(folder): LogitBank.from_folder(folder, labels, samples=samples) for folder in folders}
    if len(banks) < len(folders):
        raise InputError(f"--logits was given folders of one name: {', '.join(folders)}; rename one")
    bank = LogitBank.join(banks)
    surrogate = Surrogate(bank, metric, lam)
    options = pairs(parameters, "-p")
    with Bars() as bars:
        found = search(searcher, surrogate, budget, seed=seed, top=top, options=options, progress=bars)
    sign = 1 if surrogate.metric.higher_is_better else -1
    best = int(surrogate.solo.argmax())
    rows = [
        {
            "recipe": candidate.recipe.to_json(),
            "size": candidate.recipe.size,
            surrogate.metric.name: sign * float(surrogate.metric_scores(candidate.recipe.row[None])[0]),
            "score": candidate.score,
        }
        for candidate in found
    ]
    single = {"name": surrogate.names[best], surrogate.metric.name: sign * float(surrogate.solo[best])}
    if as_json:
        totals = {"charged": found.charged, "proposed": found.proposed, "stopped": found.stopped}
        about = {"samples": bank.n_samples, "models": len(bank)}
        print_json({"shortlist": rows, "best_ingredient": single, "note": found.note} | totals | about)
        return
    cells = [
        [
            str(i),
            f"{row[surrogate.metric.name]:.4f}",
            f"{sign * candidate.score:.4f}",
            str(row["size"]),
        ]
        for i, (row, candidate) in enumerate(zip(rows, found, strict=True), start=1)
    ]
    columns = ["", f"{surrogate.metric.name} of averaged logits", "with prior", "size"]
    print_table("shortlist", columns, cells, numbers=range(4), recipes=[str(one.recipe) for one in found])
    click.echo(f"Best single ingredient: {single['name']}, {single[surrogate.metric.name]:.4f}.")
    click.echo(f"{counted(found.charged, 'candidate')} scored, {found.seconds:.1f} s, stopped: {found.stopped}.")
    if found.note:
        click.echo(f"Note: {found.note}.")
    held_back = any((Path(folder) / SPLIT).exists() for folder in folders)
    if held_back and samples == "all":
        click.echo(f"Note: ranked on all {bank.n_samples:,} samples of a run, those held back included.")
    elif held_back:
        click.echo(
            f"Ranked on the {bank.n_samples:,} samples that select in that run; --samples all takes the others, too."
        )


def _title(folder: str) -> str:
    """What tells the models of a folder from others' of the same name: that of the run."""
    path = Path(folder).resolve()
    return path.parent.name if path.name == "logits" else path.name
