"""`radin export`: a finished run in the formats of other tools."""

from __future__ import annotations

from pathlib import Path

import click

from radin.cli.screen import say
from radin.common.files import check_place
from radin.common.wording import enumerated
from radin.errors import InputError
from radin.report.record import Record


@click.command("export", epilog="Example: radin export runs/soup --optuna study.db --mergekit recipe.yaml")
@click.argument("run", metavar="RUN", default="radin-run")
@click.option(
    "--optuna",
    "study",
    metavar="FILE",
    help="Write soups, ingredients and candidates as studies of Optuna: .db for SQLite, .log for a journal.",
)
@click.option("--mergekit", "recipe", metavar="FILE", help="Write the winner's recipe as a YAML file of mergekit.")
@click.option("--mlflow", "uri", metavar="URI", help="Record the run with MLflow, if it is installed.")
def command(run: str, study: str | None, recipe: str | None, uri: str | None) -> None:
    """Export a finished run to Optuna, mergekit or MLflow.

    RUN is the folder of the run. `optuna-dashboard sqlite:///study.db` opens what --optuna writes; a parameter is the
    weight of an ingredient.
    """
    if not (study or recipe or uri):
        raise InputError("give a format to export to: --optuna FILE, --mergekit FILE or --mlflow URI")
    if recipe and Path(recipe).suffix not in (".yaml", ".yml"):
        raise InputError(f"{recipe}: a recipe of mergekit is written as .yaml; give the file that ending")
    record = Record.read(run)
    if uri and record.scored_outside:
        raise InputError(
            f"{record.folder} holds one number for each network, from a scorer; to MLflow go runs of a task, whose "
            "scores have intervals. Give --optuna or --mergekit"
        )
    if recipe:
        check_place(recipe)
        from radin.report.export.mergekit import write_mergekit

        say(f"Recipe for mergekit: {write_mergekit(record, Path(recipe))}")
    if study:
        from radin.report.export.study import write_study

        names = write_study(record, Path(study))
        say(f"Studies of Optuna: {study} ({enumerated([repr(name) for name in names])})")
    if uri:
        from radin.report.export.mlflow import log_run

        say(f"Run of MLflow: {log_run(record, uri)} at {uri}")
