"""`radin rank`: the surrogate alone, on logits from anywhere."""

from __future__ import annotations

from pathlib import Path

import click

from radin.cli.console import Bars, json_option, output, pairs, print_json, searcher_options, table


@click.command(
    "rank",
    epilog="Example: radin rank --logits logits/ --searcher monte-carlo -p p=0.3 --candidates 5000",
)
@click.option("--logits", required=True, metavar="DIR", help="One .npy file of shape [samples, classes] per model.")
@click.option("--labels", metavar="FILE", help="The labels; labels.npy in the folder by default.")
@searcher_options
@click.option(
    "--metric", default="accuracy", show_default=True, help="accuracy, top5, balanced-accuracy, macro-f1, nll."
)
@click.option("--top", default=10, show_default=True, help="How many recipes to list.")
@click.option("--seconds", type=float, help="Most seconds to search.")
@json_option
def command(
    logits: str,
    labels: str | None,
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
    """Rank recipes by the score of their averaged logits; no network is run."""
    from radin.budget import Budget
    from radin.driver import search
    from radin.logits import LogitBank
    from radin.surrogate import Surrogate

    budget = Budget(candidates=candidates, seconds=seconds)
    surrogate = Surrogate(LogitBank.from_folder(logits, labels), metric, lam)
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
        print_json({"shortlist": rows, "best_ingredient": single, "note": found.note} | totals)
        return
    cells = [
        [
            str(i),
            f"{row[surrogate.metric.name]:.4f}",
            f"{sign * candidate.score:.4f}",
            str(row["size"]),
            str(candidate.recipe),
        ]
        for i, (row, candidate) in enumerate(zip(rows, found, strict=True), start=1)
    ]
    columns = ["", f"{surrogate.metric.name} of averaged logits", "with prior", "size", "recipe"]
    output().print(table("shortlist", columns, cells, numbers=(0, 1, 2, 3)))
    click.echo(f"Best single ingredient: {single['name']}, {single[surrogate.metric.name]:.4f}.")
    click.echo(f"{found.charged:,} candidates scored, {found.seconds:.1f} s, stopped: {found.stopped}.")
    if found.note:
        click.echo(f"Note: {found.note}.")
    if (Path(logits) / "index.json").exists():
        click.echo("Note: these are logits of a run on all its samples, those held back included.")
