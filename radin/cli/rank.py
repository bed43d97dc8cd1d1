"""`radin rank`: recipes ranked by averaged logits, from anywhere."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radin.cli.console import METRICS, json_option, outputs_option, pairs, print_json, searcher_options
from radin.cli.screen import print_table, say, show_warnings
from radin.cli.summary import SHORT_NAME, weights_text
from radin.common.bars import Bars
from radin.common.wording import DASH, counted, enumerated, shortened
from radin.errors import InputError

if TYPE_CHECKING:
    from radin.report.ranking import Ranking

#: The file beside a run's logits that says which samples select.
SPLIT = "split.json"


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
    help="Folder with one .npy file of shape [samples, classes] per model; repeat for models of other architectures.",
)
@click.option("--labels", metavar="FILE", help="The .npy file of labels. Default: labels.npy in each folder.")
@click.option(
    "--samples",
    type=click.Choice(["selection", "all"]),
    default="selection",
    show_default=True,
    help="Samples to rank on, where a run held some back: those that select, or all.",
)
@searcher_options
@click.option(
    "--metric",
    help=f"Metric to rank by: {METRICS}. Default: that of the kind of outputs, accuracy for classes.",
)
@outputs_option
@click.option(
    "--probabilities",
    type=click.Choice(["refuse", "log"]),
    default="refuse",
    show_default=True,
    help="Rows of probabilities instead of logits: refuse them, or average their logarithms.",
)
@click.option("--top", default=10, show_default=True, help="Number of recipes to list.")
@click.option("--seconds", type=float, help="End the search after this many seconds.")
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
    metric: str | None,
    outputs: str | None,
    probabilities: Any,
    top: int,
    seconds: float | None,
    as_json: bool,
) -> None:
    """Rank recipes by the score of their averaged logits. No network is run.

    Models of different architectures can be ranked, too: their recipes are ensembles of outputs, and no soups.
    """
    from radin.report.ranking import rank
    from radin.scoring.logit_bank import LogitBank
    from radin.scoring.logit_folder import absent_from
    from radin.searching.budget import Budget
    from radin.tasks.load import load_metric

    budget = Budget(candidates=candidates, seconds=seconds)
    measure = load_metric(metric) if metric else None
    banks = {
        _title(folder): LogitBank.from_folder(
            folder, labels, samples=samples, probabilities=probabilities, outputs=outputs
        )
        for folder in folders
    }
    if len(banks) < len(folders):
        raise InputError(f"--logits was given folders of one name: {', '.join(folders)}; rename one")
    how: dict[str, Any] = {"metric": measure, "options": pairs(parameters, "-p"), "budget": budget, "lam": lam}
    with Bars() as bars:
        ranking = rank(LogitBank.join(banks), searcher, **how, seed=seed, top=top, progress=bars)
    absent = [name for folder in folders for name in absent_from(Path(folder))]
    print_json(ranking.to_json() | {"absent": absent}) if as_json else show(ranking, folders, samples)
    if absent and not as_json:
        say(f"Not ranked, since a race dropped them before their logits were complete: {enumerated(absent)}.")


def show(ranking: Ranking, folders: Sequence[str], samples: str) -> None:
    """Prints the recipes, the best ingredient, and what speaks against the labels."""
    sign = 1 if ranking.higher_is_better else -1
    cells = [
        [str(place), f"{one.value:.4f}", f"{sign * one.score:.4f}", str(one.recipe.size)]
        for place, one in enumerate(ranking.recipes, start=1)
    ]
    if all(cell[1] == cell[2] for cell in cells):  # without a prior the second column would repeat the first
        cells = [[*cell[:2], DASH, *cell[3:]] for cell in cells]
    columns = ["", f"{ranking.metric} of averaged logits", "with prior", "size"]
    short = shortened(ranking.best_ingredient.recipe.names, SHORT_NAME)
    recipes = [weights_text(one.recipe.to_json(), short) for one in ranking.recipes]
    print_table("shortlist", columns, cells, numbers=range(4), recipes=recipes)
    single, found = ranking.best_ingredient, ranking.shortlist
    say(f"Best single ingredient: {single.recipe.member_names[0]}, {single.value:.4f}.")
    say(f"{counted(found.charged, 'candidate')} scored, {found.seconds:.1f} s, stopped: {found.stopped}.")
    show_warnings(ranking.findings, command)
    if ranking.note:
        say(f"Note: {ranking.note}.")
    held_back = any((Path(folder) / SPLIT).exists() for folder in folders)
    if held_back and samples == "all":
        say(f"Note: ranked on all {ranking.n_samples:,} samples of a run, those held back included.")
    elif held_back:
        say(f"Ranked on the {ranking.n_samples:,} samples that select in that run.")


def _title(folder: str) -> str:
    """The name that is put before those of a folder's models where others have the same: that of the run."""
    path = Path(folder).resolve()
    return path.parent.name if path.name == "logits" else path.name
