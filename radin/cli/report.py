"""`radin report`: finished runs as pages for a browser."""

from __future__ import annotations

from pathlib import Path

import click

from radin.cli.screen import say
from radin.errors import InputError
from radin.report.record import Record


@click.command("report", epilog="Examples: radin report runs/soup  |  radin report runs/a runs/b -o side-by-side.html")
@click.argument("runs", nargs=-1, metavar="RUN...")
@click.option(
    "-o",
    "--output",
    "target",
    metavar="FILE",
    help="The page's file. Default: report.html in the folder of the run; of several runs, radin-runs.html here.",
)
def command(runs: tuple[str, ...], target: str | None) -> None:
    """Write a finished run as one self-contained page, or several runs side by side.

    RUN is the folder of a run, also of one that an earlier version of radin made. No network is run.
    """
    if not runs:
        raise InputError("give the folder of a run, or several")
    if target and Path(target).suffix not in (".html", ".htm"):
        raise InputError(f"{target}: a page is written as .html; give the file that ending")
    records = [Record.read(run) for run in runs]
    if outside := next((one for one in records if one.scored_outside), None):
        raise InputError(
            f"{outside.folder} holds one number for each network, from a scorer, and no page is made of these; "
            "radin show prints them"
        )
    from radin.report.page.comparison import write_comparison
    from radin.report.page.document import write_page

    if len(records) == 1:
        written = write_page(records[0], Path(target) if target else None)
    else:
        written = write_comparison(records, Path(target or "radin-runs.html"))
    say(f"Report: {written}")
