"""`radin rank`: recipes ranked by averaged logits, from anywhere."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radin.cli.console import json_option, print_json
from radin.cli.scoring_options import METRICS, criterion_option, outputs_option
from radin.cli.screen import SHORT_NAME, print_table, say, show_warnings
from radin.cli.search_options import SearchOptions, searcher_options
from radin.cli.summary import weights_text
from radin.common.bars import Bars
from radin.common.wording import DASH, counted, decimal, directed, enumerated, shortened
from radin.errors import InputError
from radin.scoring.criterion_default import CRITERIA

if TYPE_CHECKING:
    from radin.report.comparison import Comparison
    from radin.report.ranking import Ranking
    from radin.scoring.logit_bank import LogitBank

#: The file beside a run's logits that says which samples select.
SPLIT = "split.json"

#: Names of lm-eval's metrics: both are accuracies, of other scores.
HARNESS = {"acc": "accuracy", "acc_norm": "accuracy"}


@click.command(
    "rank",
    epilog="Examples: radin rank --logits logits/ --searcher monte-carlo -p p=0.3 --candidates 5000  |  "
    "radin rank --logits vit-run/logits --logits resnet-run/logits",
)
@click.option(
    "--logits",
    "paths",
    required=True,
    multiple=True,
    metavar="PATH",
    help="A run's folder; a folder with one .npy or .pt file of shape [samples, classes] per model; or one file: .npz, "
    ".pt or .safetensors with an array per model, .npy of shape [models, samples, classes]; or the folder of lm-eval's "
    "samples_*.jsonl. Repeat for models of other architectures.",
)
@click.option(
    "--labels",
    metavar="FILE",
    help="Labels as .npy, .csv, .json or .txt. Default: the array or the file beside it that is called labels.",
)
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
    help=f"Metric to rank by: {METRICS}; of lm-eval's samples also acc and acc_norm. Default: that of the kind of "
    "outputs, accuracy for classes.",
)
@outputs_option
@click.option(
    "--alternatives",
    type=click.IntRange(min=1),
    metavar="K",
    help="With --outputs tokens, for files with logits of a whole vocabulary: keep the logits of K tokens of each "
    "position beside the label's, those that all models together rate highest, and of the rest the sum. Default: 64.",
)
@click.option(
    "--probabilities",
    type=click.Choice(["refuse", "log", "average"]),
    default="refuse",
    show_default=True,
    help="Rows of probabilities instead of logits: refuse them, average their logarithms, or average them as they "
    "are. With `average` logits are turned into probabilities first, by softmax.",
)
@criterion_option
@click.option("--top", default=10, show_default=True, help="Number of recipes to list.")
@click.option("--seconds", type=float, help="End the search after this many seconds.")
@click.option(
    "--holdback",
    type=float,
    default=0.0,
    show_default=True,
    help="Share of the samples that ranks nothing; the first recipe is compared with the best ingredient on them.",
)
@click.option("--split-seed", default=0, show_default=True, help="Seed that draws the held-back share.")
@click.option(
    "-o",
    "--output",
    "path",
    metavar="FILE",
    help="Write the first recipe here as JSON, for `radin average --recipe FILE`.",
)
@json_option
def command(
    paths: tuple[str, ...],
    labels: str | None,
    samples: Any,
    search: SearchOptions,
    metric: str | None,
    outputs: str | None,
    alternatives: int | None,
    probabilities: Any,
    criterion: str,
    top: int,
    seconds: float | None,
    holdback: float,
    split_seed: int,
    path: str | None,
    as_json: bool,
) -> None:
    """Rank recipes by the score of their averaged logits. No network is run.

    Models of different architectures can be ranked, too: their recipes are ensembles of outputs, and no soups.
    """
    from radin.common.files import check_place
    from radin.report.ranking import rank
    from radin.scoring.logit_files import holds_tokens
    from radin.scoring.logit_folder import absent_from
    from radin.searching.budget import Budget
    from radin.tasks.load import load_metric

    if path is not None:
        check_place(path)
    how: dict[str, Any] = {
        "metric": load_metric(HARNESS.get(metric, metric)) if metric else None,
        "criterion": criterion,
        "options": search.options,
        "budget": Budget(candidates=search.candidates, seconds=seconds),
        "lam": search.lam,
        "seed": search.seed,
        "top": top,
        "holdback": holdback,
        "split_seed": split_seed,
    }
    reading: dict[str, Any] = {"samples": samples, "probabilities": probabilities, "outputs": outputs}
    reading["alternatives"] = alternatives
    bank, folders = _opened(paths, labels, length_normalised=metric == "acc_norm", **reading)
    with Bars() as bars:
        ranking = rank(bank, search.searcher, **how, progress=bars)
    absent = [name for folder in folders for name in absent_from(folder)]
    if as_json:
        print_json(ranking.to_json() | {"absent": absent})
    else:
        show(ranking, folders, samples, absent)
        if outputs == "tokens" and not all(map(holds_tokens, folders)):
            say(
                "Note: the tokens that are kept of each position are the likeliest of the average of all these models; "
                "no soup was run to choose them."
            )
    if path is not None:
        _write_first(ranking, path)


def _opened(paths: Sequence[str], labels: str | None, **reading: Any) -> tuple[LogitBank, list[Path]]:
    """The bank of all outputs that were named, and the folders that hold those of runs.

    Raises:
        InputError: two of them have one name.
    """
    from radin.scoring.logit_bank import LogitBank
    from radin.scoring.logit_files import folder_of_logits, open_bank

    banks = {_title(path): open_bank(path, labels, **reading) for path in paths}
    if len(banks) < len(paths):
        raise InputError(f"--logits was given folders or files of one name: {', '.join(paths)}; rename one")
    return LogitBank.join(banks), [folder_of_logits(path) for path in paths]


def _write_first(ranking: Ranking, path: str) -> None:
    """Writes the first recipe for `radin average --recipe`.

    Raises:
        InputError: there is none.
    """
    from radin.common.files import write_json

    if not ranking.recipes:
        raise InputError(f"{path}: expected a recipe to write, got none: {ranking.note}")
    write_json(path, ranking.recipes[0].recipe.to_json())


def show(ranking: Ranking, folders: Sequence[Path], samples: str, absent: Sequence[str] = ()) -> None:
    """Prints the recipes, the best ingredient, and what speaks against the labels.

    Arguments:
        ranking: what was found.
        folders: where the outputs came from.
        samples: which samples of runs were asked for.
        absent: ingredients of runs that have no complete outputs.
    """
    short = shortened([*ranking.best_ingredient.recipe.names, *absent], SHORT_NAME)
    _show_recipes(ranking, short)
    single, found = ranking.best_ingredient, ranking.shortlist
    say(f"Best single ingredient: {single.recipe.member_names[0]}, {decimal(single.value)}.", short)
    say(f"{counted(found.charged, 'candidate')} scored, {found.seconds:.1f} s, stopped: {found.stopped}.")
    show_warnings(ranking.findings, command, short)
    if ranking.note:
        say(f"Note: {ranking.note}.")
    if ranking.excess:
        from radin.report.ranked_comparison import excess_text

        say(excess_text(ranking.excess))
    if ranking.report is not None:
        _show_report(ranking.report, ranking.metric, short)
    held_back = any((folder / SPLIT).exists() for folder in folders)
    if held_back and samples == "all":
        say(f"Note: ranked on all {ranking.n_samples:,} samples of a run, those held back included.")
    elif held_back:
        say(f"Ranked on the {ranking.n_samples:,} samples that select in that run.")
    if absent:
        say(f"Not ranked, since a race dropped them before their logits were complete: {enumerated(absent)}.", short)


def _show_recipes(ranking: Ranking, short: Mapping[str, str]) -> None:
    """Prints the table of recipes."""
    own = ranking.criterion == "metric"
    sign = -1 if own and not ranking.higher_is_better else 1
    cells = [
        [str(place), decimal(one.value), decimal(sign * one.score), str(one.recipe.size)]
        for place, one in enumerate(ranking.recipes, start=1)
    ]
    if all(cell[1] == cell[2] for cell in cells):  # without a prior the second column would repeat the first
        cells = [[*cell[:2], DASH, *cell[3:]] for cell in cells]
    by = "" if own else ranking.criterion
    with_prior = ", ".join(part for part in (by, "with prior" if ranking.lam else "") if part)
    title = "shortlist" if own else f"shortlist, by {CRITERIA[ranking.criterion]}"
    columns = ["", f"{ranking.metric} of averaged logits", with_prior, "size"]
    recipes = [weights_text(one.recipe.to_json(), short) for one in ranking.recipes]
    print_table(title, columns, cells, numbers=range(4), recipes=recipes)


def _show_report(report: Comparison, metric: str, short: Mapping[str, str]) -> None:
    """Prints the first recipe and the best ingredient on the samples that were held back."""
    ingredient = f"best ingredient, {short.get(report.ingredient, report.ingredient)}"
    rows = [
        [name, decimal(one.value), f"{decimal(one.low)} to {decimal(one.high)}"]
        for name, one in (("recipe 1", report.winner), (ingredient, report.best_ingredient))
    ]
    title = f"averaged logits on the held-back data, {counted(report.n_samples, report.unit)}"
    print_table(title, ["", metric, "95 % interval"], rows, numbers=(1,))
    say(f"Difference {directed(report.difference, report.higher_is_better)}, p = {report.p_value:.3g} ({report.test}).")
    for remark in report.remarks:
        say(f"Note: {remark}.")


def _title(given: str) -> str:
    """The name that is put before those of a folder's models where others have the same: that of the run."""
    path = Path(given).resolve()
    return path.parent.name if path.name == "logits" else path.stem if path.is_file() else path.name
