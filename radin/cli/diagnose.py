"""`radin diagnose`: does this pool soup at all?"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radin.cli.checkpoint_options import Checkpoints, check_several, checkpoint_options
from radin.cli.console import json_option, print_json
from radin.cli.network_options import TaskOptions, WorkerOptions, task_options, worker_options
from radin.cli.screen import SHORT_NAME, print_table, say
from radin.cli.summary import weights_text
from radin.common.alike import said_together
from radin.common.bars import Bars
from radin.common.wording import DASH, decimal, said_once, shortened, signed

if TYPE_CHECKING:
    from radin.report.diagnosis import Diagnosis


@click.command(
    "diagnose",
    epilog="Examples: radin diagnose runs/*.safetensors  |  "
    "radin diagnose runs/*.safetensors --task mytask.py:task --run-dir runs/soup --soups 4",
)
@checkpoint_options
@click.option(
    "--task", "spec", metavar="TASK", help="The task, as for `radin soup`. Without it only weights are compared."
)
@task_options
@click.option(
    "--pretrained",
    metavar="FILE",
    help="The model that all were fine-tuned from. Default: the mean of the checkpoints.",
)
@click.option(
    "--soups", default=0, show_default=True, help="Number of real soups to evaluate beside those in the run folder."
)
@click.option(
    "--picture",
    metavar="FILE",
    help="File to draw the diagnosis to. Default: diagnosis.png in the run folder, if there is a task.",
)
@worker_options
@json_option
def command(
    given: Checkpoints,
    spec: str | None,
    wanted: TaskOptions,
    crew: WorkerOptions,
    pretrained: str | None,
    soups: int,
    batchnorm: str,
    run_dir: str,
    picture: str | None,
    as_json: bool,
) -> None:
    """Say whether checkpoints soup at all, which of them do not belong, and why.

    Compares the checkpoints' weights. With a task, compares their outputs, too, and the soups in the run folder.
    """
    from radin.adapters import Pool
    from radin.evaluation.settings import check_run_dir
    from radin.tasks.adapters import parse_task

    if spec:
        parse_task(spec)
        check_run_dir(run_dir)
    pool = given.pool()
    check_several(pool)
    start = Pool(pretrained, prefix=given.prefix) if pretrained else None

    # This brings torch along, which takes seconds: what is wrong above is said at once.
    from radin.report.diagnosis import diagnose
    from radin.report.picture import draw_diagnosis

    workers = crew.prepare()
    task = wanted.task(spec, pool) if spec else None
    how: dict[str, Any] = {"run_dir": run_dir, "pretrained": start, "soups": soups, "batchnorm": batchnorm}
    with Bars() as bars:
        found = diagnose(pool, task, **how, workers=workers, progress=bars)
    drawn = picture or (str(Path(run_dir) / "diagnosis.png") if task is not None else None)
    if drawn:
        draw_diagnosis(found, Path(drawn))
    print_json(found.to_json()) if as_json else show(found, drawn)


def show(found: Diagnosis, drawn: str | None) -> None:
    """Prints a row for each ingredient, the verified soups, and the verdict with its reasons."""
    columns = ["ingredient", "update", "distance", "angle", "outputs apart", found.metric or "score"]
    ingredients = found.ingredients()
    short = shortened([row["name"] for row in ingredients], SHORT_NAME)
    rows = [
        [
            short[row["name"]] + (", suspect" if row["suspect"] else ""),
            *(_cell(row[key], digits) for key, digits in (("update", 4), ("distance", 4), ("angle", 3))),
            _cell(row["disagreement"], 3),
            "" if row["value"] is None else decimal(row["value"]),
        ]
        for row in ingredients
    ]
    title = f"ingredients: lengths from the {found.weights.origin}, medians over the others"
    print_table(title, columns, rows, numbers=range(1, 6))
    if found.verified:
        cells = [
            [str(i), decimal(one.value), signed(one.gap), _share(one.lost), str(one.recipe.size)]
            for i, one in enumerate(found.verified, start=1)
        ]
        title, columns = (
            "verified soups, scores on the selection data",
            ["", "real soup", "minus ensemble", "lost", "size"],
        )
        recipes = [weights_text(one.recipe.to_json(), short) for one in found.verified]
        print_table(title, columns, cells, numbers=range(5), recipes=recipes)
    say(found.verdict, short)
    for reason in said_once((one.ingredient, one.text) for one in found.findings) or found.reasons:
        say(f"- {reason}", short)
    for note in said_together(found.notes):
        say(f"Note: {note}.", short)
    if found.soups:
        say(f"Real soups evaluated for this: {found.soups}.")
    if drawn:
        say(f"Picture: {drawn}")


def _cell(value: Any, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}g}"


def _share(lost: float) -> str:
    """A share in per cent; a dash where chance is unknown, and so what there is to lose."""
    return DASH if math.isnan(lost) else f"{lost:+.1%}" if abs(lost) >= 0.0005 else "0.0%"
