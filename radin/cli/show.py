"""`radin show`: a finished run once more, from its folder."""

from __future__ import annotations

import csv
import json
import sys

import click

from radin.cli.console import json_option, print_json
from radin.cli.outside import show_outside
from radin.cli.summary import show_record
from radin.errors import InputError
from radin.report.record import Record

#: Columns of the table for other programs.
COLUMNS = ("place", "kind", "metric", "value", "averaged_logits", "size", "recipe")


@click.command("show", epilog="Examples: radin show runs/soup  |  radin show runs/soup --csv > soups.csv")
@click.argument("run", metavar="RUN", default="radin-run")
@json_option
@click.option("--csv", "as_csv", is_flag=True, help="Print the leaderboard as comma-separated values.")
def command(run: str, as_json: bool, as_csv: bool) -> None:
    """Show what a finished run found, from the run folder alone.

    RUN is the folder of the run. No network is run, and nothing is written.
    """
    if as_json and as_csv:
        raise InputError("--json and --csv are two forms of one output; give one of them")
    record = Record.read(run)
    if as_json:
        print_json(record.document)
    elif as_csv:
        print_csv(record)
    elif record.scored_outside:
        show_outside(record)
    else:
        show_record(record, command)


def print_csv(record: Record) -> None:
    """Prints the leaderboard, best first, then the ingredients that a race dropped, which have no place."""
    rows = csv.writer(sys.stdout, lineterminator="\n")
    rows.writerow(COLUMNS)
    for place, one in enumerate(record.leaderboard, start=1):
        kind = "soup" if one.is_soup else "ingredient"
        promised = one.promised if one.is_soup and one.promised is not None else ""
        recipe = json.dumps(one.recipe, ensure_ascii=False)
        rows.writerow([place, kind, record.metric, one.value, promised, one.size, recipe])
    for dropped in record.dropped:
        recipe = json.dumps({dropped["name"]: 1.0}, ensure_ascii=False)
        rows.writerow(["", "dropped", record.metric, dropped["value"], "", 1, recipe])
