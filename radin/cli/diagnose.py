"""`radin diagnose`: does this pool soup at all?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radin.cli.console import (
    check_several,
    json_option,
    pool_options,
    print_json,
    show_notes,
    task_from,
    task_options,
    worker_options,
    workers_from,
)
from radin.cli.screen import print_table
from radin.common.bars import Bars

if TYPE_CHECKING:
    from radin.report.diagnosis import Diagnosis


@click.command(
    "diagnose",
    epilog="Examples: radin diagnose runs/*.safetensors  |  "
    "radin diagnose runs/*.safetensors --task mytask.py:task --run-dir runs/soup --soups 4",
)
@pool_options
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
    checkpoints: tuple[str, ...],
    weights: str | None,
    prefix: str | None,
    keep: tuple[str, ...],
    reorder_classes: bool,
    rank: int | None,
    merge: bool,
    base: str | None,
    spec: str | None,
    arguments: tuple[str, ...],
    pretrained: str | None,
    soups: int,
    batchnorm: str,
    run_dir: str,
    picture: str | None,
    split: str | None,
    workers: str | None,
    address: str | None,
    threads: int | None,
    as_json: bool,
    **changes: Any,
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
    chosen: dict[str, Any] = {"weights": weights, "prefix": prefix, "keep": keep, "reorder_classes": reorder_classes}
    pool = Pool(checkpoints, **chosen, rank=rank, merge=merge, base=base)
    show_notes(pool)
    check_several(pool)
    start = Pool(pretrained, prefix=prefix) if pretrained else None

    # This brings torch along, which takes seconds: what is wrong above is said at once.
    from radin.report.diagnosis import diagnose
    from radin.report.picture import draw_diagnosis

    crew = workers_from(workers, address, threads)
    task = task_from(spec, arguments, split, changes, pool) if spec else None
    with Bars() as bars:
        how: dict[str, Any] = {"run_dir": run_dir, "pretrained": start, "soups": soups, "batchnorm": batchnorm}
        how["workers"] = crew
        found = diagnose(pool, task, **how, progress=bars)
    drawn = picture or (str(Path(run_dir) / "diagnosis.png") if task is not None else None)
    if drawn:
        draw_diagnosis(found, Path(drawn))
    print_json(found.to_json()) if as_json else show(found, drawn)


def show(found: Diagnosis, drawn: str | None) -> None:
    """Prints a row for each ingredient, the verified soups, and the verdict with its reasons."""
    columns = ["ingredient", "update", "distance", "angle", "disagreement", found.metric or "score", ""]
    rows = [
        [
            row["name"],
            *(_cell(row[key], digits) for key, digits in (("update", 4), ("distance", 4), ("angle", 3))),
            _cell(row["disagreement"], 3),
            "" if row["value"] is None else f"{row['value']:.4f}",
            "suspect" if row["suspect"] else "",
        ]
        for row in found.ingredients()
    ]
    title = f"ingredients: lengths from the {found.weights.origin}, medians over the others"
    print_table(title, columns, rows, numbers=range(1, 6))
    if found.verified:
        cells = [
            [str(i), f"{one.value:.4f}", f"{one.gap:+.4f}", f"{one.lost:+.1%}", str(one.recipe.size)]
            for i, one in enumerate(found.verified, start=1)
        ]
        title, columns = (
            "verified soups, scores on the selection data",
            ["", "real soup", "minus ensemble", "lost", "size"],
        )
        print_table(title, columns, cells, numbers=range(5), recipes=[str(one.recipe) for one in found.verified])
    click.echo(found.verdict)
    for reason in found.reasons:
        click.echo(f"- {reason}")
    for note in found.notes:
        click.echo(f"Note: {note}.")
    if found.soups:
        click.echo(f"Real soups evaluated for this: {found.soups}.")
    if drawn:
        click.echo(f"Picture: {drawn}")


def _cell(value: Any, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}g}"
