"""`radin soup --scorer`: its options, its run, and what it prints."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from radin.cli.console import print_json
from radin.cli.gathered import gathered
from radin.cli.screen import SHORT_NAME, print_table, say
from radin.cli.summary import SHOWN, weights_text
from radin.common.bars import Bars
from radin.common.wording import counted, duration, shortened
from radin.errors import InputError, RadinError
from radin.report.record import Record

if TYPE_CHECKING:
    from radin.outside.scorer import Scorer
    from radin.weights.pool import Pool

#: Parameters of `radin soup` that are about rows and logits, which a scorer does not give.
OF_TASKS = [
    *("arguments", "metric", "outputs", "holdback", "split_seed", "device", "autocast", "batch_size", "loaders"),
    *("limit", "split", "candidates", "lam", "criterion", "calibrate", "race", "baselines"),
    *("only_plan", "logits_only", "address", "threads", "at_once"),
]

#: Parameters that go with a scorer alone.
OF_SCORERS = ("scorer_files", "scorer_seconds", "lower_is_better", "report_scorer")


@dataclass(frozen=True)
class ScorerOptions:
    """The scores from outside that a call asks for; see `radin.CommandScorer` for each."""

    scorer: str | None
    lower_is_better: bool
    scorer_seconds: float | None
    scorer_files: tuple[str, ...]
    report_scorer: str | None

    def scorers(self) -> tuple[Scorer, Scorer | None]:
        """The scorer that selects, and the one that reports, if there is one."""
        from radin.outside.command import CommandScorer

        assert self.scorer is not None  # checked by `check_way`
        settings: dict[str, Any] = {"higher_is_better": not self.lower_is_better, "seconds": self.scorer_seconds}
        settings["files"] = self.scorer_files
        report = None if self.report_scorer is None else CommandScorer(self.report_scorer, **settings)
        return CommandScorer(self.scorer, **settings), report


#: The options that describe `ScorerOptions`, which the command receives as `outside`.
scorer_options = gathered(
    "outside",
    ScorerOptions,
    click.option(
        "--scorer",
        metavar="COMMAND",
        help="Instead of a task: a command that scores a checkpoint, such as 'python eval.py {checkpoint}'. The "
        "last line of its output is the number, or JSON with `score`. Every call is a real soup, at most B, and a "
        "single checkpoint outside B. With --workers, so many calls run side by side, without Ray.",
    ),
    click.option("--lower-is-better", is_flag=True, help="The scorer's number is better when lower."),
    click.option(
        "--scorer-seconds", type=float, metavar="S", help="Kill a call of the scorer that takes longer; it failed."
    ),
    click.option(
        "--scorer-file",
        "scorer_files",
        multiple=True,
        metavar="FILE",
        help="File that the scorer's numbers depend on: if it changes, they are made anew. Scripts that the "
        "command names need no mention; repeat for several.",
    ),
    click.option(
        "--report-scorer",
        metavar="COMMAND",
        help="Command that scores the winner and the best checkpoint after the choice, on data that chose nothing.",
    ),
)


def check_way(context: click.Context, spec: str | None, scorer: str | None) -> None:
    """Checks that there is a task or a scorer, and only options that go with it.

    Raises:
        InputError: neither or both, or an option of the other.
    """
    if (spec is None) == (scorer is None):
        said = "both are given" if spec else "neither is given"
        raise InputError(f"radin soup needs --task or --scorer, one of the two, and {said}; see radin soup -h")
    _refuse(context, *((OF_SCORERS, "--task") if scorer is None else (OF_TASKS, "--scorer")))


def check_scored(context: click.Context) -> None:
    """Checks that no option about rows and logits is given where the task is a `radin.ScoredTask`.

    Raises:
        InputError: names one.
    """
    kept, arguments = "a task that is a radin.ScoredTask", ("arguments", "split")
    _refuse(context, [name for name in OF_TASKS if name not in arguments], kept)
    _refuse(context, ["workers"], f"{kept}, which runs one network at a time", "leave it out, or give --scorer instead")


def _refuse(context: click.Context, away: Sequence[str], kept: str, remedy: str = "leave it out") -> None:
    """Refuses options that do not go with what is kept."""
    given = (ParameterSource.COMMANDLINE, ParameterSource.ENVIRONMENT)
    for option in context.command.params:
        if option.name in away and context.get_parameter_source(option.name) in given:
            raise InputError(f"{option.opts[0]} does not go with {kept}; {remedy}")


def soup_outside(
    pool: Pool,
    scorers: tuple[Scorer, Scorer | None],
    how: dict[str, Any],
    *,
    batchnorm: str,
    target: str | None,
    as_json: bool,
) -> None:
    """Runs a search by a scorer, and prints what it found.

    Arguments:
        pool: the ingredients.
        scorers: the one that selects, and the one that reports, if there is one.
        how: arguments of `radin.soup_by_score`.
        batchnorm: policy for the BatchNorm statistics of soups; where it was not chosen, `average`.
        target: another place for the soup.
        as_json: print a document instead of tables.
    """
    from radin.outside.procedure import soup_by_score
    from radin.report.soup_place import copy_soup

    context = click.get_current_context()
    if context.get_parameter_source("batchnorm") is ParameterSource.DEFAULT:
        batchnorm = "average"
    by, report = scorers
    with _ended_like_interrupted(), Bars() as bars:
        result = soup_by_score(pool, by, report=report, batchnorm=batchnorm, progress=bars, **how)
    unsaved: RadinError | None = None
    if target:
        try:
            copy_soup(result.soup, target, is_folder=pool.is_folders)
        except RadinError as error:
            unsaved, target = error, None
    print_json(result.to_json()) if as_json else show_outside(Record(result.to_json(), result.run_dir), target)
    if unsaved:
        raise unsaved


@contextmanager
def _ended_like_interrupted() -> Iterator[None]:
    """Takes a request to end as an interruption: calls of a scorer are ended, where they would go on alone."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def show_outside(record: Record, target: str | None = None) -> None:
    """Prints a finished run whose scores came from outside.

    Arguments:
        record: of the run.
        target: another place that the soup was written to.
    """
    names = shortened([name for one in record.leaderboard for name in one.recipe], SHORT_NAME)
    say(record.verdict, names, bold=True)
    shown = record.leaderboard[:SHOWN]
    rows = [[str(place), f"{one.value:.6g}", str(one.size)] for place, one in enumerate(shown, start=1)]
    title = f"leaderboard, by the {record.metric} that chose the winner"
    if len(record.leaderboard) > SHOWN:
        title += f": {SHOWN} of {len(record.leaderboard)} shown"
    click.echo()
    recipes = [weights_text(one.recipe, names) for one in shown]
    print_table(title, ["", record.metric, "size"], rows, numbers=range(3), recipes=recipes)
    click.echo()
    show_report(record)
    for warning in record.document.get("warnings", ()):
        say(f"Warning: {warning}.", names, fg="yellow")
    say(outside_cost(record))
    label = "Soup" if record.winner.is_soup else "The best ingredient, copied"
    click.echo(f"{label}: {Path(target) if target else record.soup}")
    click.echo(f"Leaderboard: {record.file}")


def show_report(record: Record) -> None:
    """Prints the numbers of the scorer that selected nothing, if there was one."""
    report = record.document.get("report")
    if report is None:
        return
    numbers = {"winner": report["winner"], "best checkpoint alone": report["best_ingredient"]}
    known = [f"{who} {value:.6g}" for who, value in numbers.items() if value is not None]
    failed = [f"no number: {failure}" for failure in report["failures"]]
    say(f"Reported by a scorer that chose nothing: {'; '.join([*known, *failed])}.")


def outside_cost(record: Record) -> str:
    """The cost of the search, in words."""
    spent = record.spent
    parts = [
        f"{counted(spent['passes'], 'call', 'calls')} for single checkpoints ({duration(spent['seconds_passes'])})",
        f"{counted(spent['soups'], 'real soup')} ({duration(spent['seconds_soups'])})",
    ]
    if spent["tests"]:
        parts.append(f"{counted(spent['tests'], 'call')} to report")
    if spent["lost"]:
        parts.append(f"{counted(spent['lost'], 'call')} lost to interruptions or repeated")
    return f"Spent: {', '.join(parts)}."
