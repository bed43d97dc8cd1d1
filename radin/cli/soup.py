"""`radin soup`: from a folder of checkpoints to the best soup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from radin.cli.checkpoint_options import Checkpoints, check_several, checkpoint_options
from radin.cli.console import json_option, print_json
from radin.cli.network_options import TaskOptions, WorkerOptions, task_options, worker_options
from radin.cli.outside import ScorerOptions, check_scored, check_way, scorer_options, soup_outside
from radin.cli.planned import show_plan
from radin.cli.scoring_options import criterion_option
from radin.cli.search_options import SearchOptions, searcher_options
from radin.cli.summary import show_record
from radin.common.bars import Bars
from radin.common.wording import counted
from radin.errors import InputError, RadinError
from radin.evaluation.race_default import RACES_FROM
from radin.report.record import Record

if TYPE_CHECKING:
    from radin.evaluation.collecting import Collected
    from radin.report.result import Result
    from radin.tasks.task import Task
    from radin.weights.pool import Pool


@click.command(
    "soup",
    epilog="Examples: radin soup runs/*.safetensors --task mytask.py:task --soups 4 --run-dir runs/soup  |  "
    "radin soup runs/*.pt --task open_clip --task-arg arch=ViT-B-32 --task-arg data=val/ --plan",
)
@checkpoint_options
@click.option(
    "--task",
    "spec",
    metavar="TASK",
    help="Function that makes the task, as FILE.py:FUNC or MODULE:FUNC, or a ready one: open_clip, timm, torchvision, "
    "transformers. A function that returns a radin.ScoredTask is searched like a scorer.",
)
@scorer_options
@task_options
@searcher_options
@click.option(
    "--soups",
    default=4,
    show_default=True,
    help="B: the most real soups to build and evaluate for this result. Those that the run folder holds are not run "
    "again.",
)
@click.option("--seconds", type=float, help="End search and verification after this many seconds together.")
@criterion_option
@click.option(
    "--calibrate/--no-calibrate",
    default=True,
    show_default=True,
    help="Choose each next soup by what the earlier ones taught, or verify the B best in order.",
)
@click.option(
    "--race/--no-race",
    default=None,
    help="Run checkpoints in stages, and drop early those that can no longer matter, or run all in full. By default "
    f"{RACES_FROM} checkpoints or more race.",
)
@click.option(
    "--baselines",
    default="uniform",
    show_default=True,
    metavar="NAMES",
    help="Soups to show beside the winner, outside B, with commas between: uniform (one soup of everything), greedy, "
    "last-k (up to N - 1 soups each), or none.",
)
@click.option(
    "-o",
    "--output",
    "target",
    metavar="PATH",
    help="Write the soup to this .safetensors file, too; of folders of models or adapters, to this folder.",
)
@click.option(
    "--plan",
    "only_plan",
    is_flag=True,
    help="Print passes, memory, disk and time that the run will take, or what is left of it, and stop.",
)
@click.option("--logits-only", is_flag=True, help="Run every checkpoint, store its logits for `radin rank`, and stop.")
@worker_options
@click.option(
    "--at-once",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="Q",
    help="With workers: build and run this many soups at the same time, which saves time where there are few samples. "
    "They are chosen together, before the score of any of them is known.",
)
@json_option
def command(
    given: Checkpoints,
    spec: str | None,
    outside: ScorerOptions,
    wanted: TaskOptions,
    search: SearchOptions,
    crew: WorkerOptions,
    soups: int,
    seconds: float | None,
    criterion: str,
    calibrate: bool,
    race: bool | None,
    baselines: str,
    batchnorm: str,
    run_dir: str,
    target: str | None,
    only_plan: bool,
    logits_only: bool,
    at_once: int,
    as_json: bool,
) -> None:
    """Find the best soup of checkpoints (files, folders or globs) with a budget of B real soups.

    With --task every checkpoint is run once. Recipes are ranked by the averaged logits of their checkpoints. The B
    most promising soups are built and evaluated. With --scorer the searcher works on real soups alone. The best soup,
    or the best checkpoint, is written to the run folder. After an interruption the same command continues.
    """
    from radin.evaluation.settings import check_run_dir, check_settings
    from radin.outside.scorer import ScoredTask
    from radin.searching.budget import Budget
    from radin.tasks.adapters import parse_task

    check_way(click.get_current_context(), spec, outside.scorer)
    _check_purpose(soups, logits_only=logits_only, only_plan=only_plan, target=target)
    budget, shown = Budget(candidates=search.candidates, soups=soups, seconds=seconds), _shown(baselines)
    check_settings(search.searcher, search.options, budget, search.lam, search.seed)
    if spec is not None:
        parse_task(spec)
    if not only_plan:
        check_run_dir(run_dir)
    pool = _pool(given, target, logits_only=logits_only)
    how: dict[str, Any] = {"searcher": search.searcher, "options": search.options, "budget": budget}
    how |= {"seed": search.seed, "run_dir": run_dir}
    written: dict[str, Any] = {"batchnorm": batchnorm, "target": target, "as_json": as_json}
    if spec is None:
        soup_outside(pool, outside.scorers(), how | {"workers": crew.workers}, **written)
        return
    # These bring torch along, which takes seconds: what is wrong above is said at once.
    made = wanted.made(spec, pool)
    if isinstance(made.value, ScoredTask):
        check_scored(click.get_current_context())
        soup_outside(pool, (made.value, None), how, **written)
        return
    workers, task = crew.prepare(at_once), wanted.replaced(made)
    if logits_only:
        _collect(pool, task, as_json, workers=workers, run_dir=run_dir)
        return
    how |= {"lam": search.lam, "criterion": criterion, "calibrate": calibrate, "race": race, "baselines": shown}
    how |= {"batchnorm": batchnorm, "workers": workers}
    _plan(pool, task, as_json, **how) if only_plan else _run(pool, task, target, as_json, **how)


def _check_purpose(soups: int, *, logits_only: bool, only_plan: bool, target: str | None) -> None:
    """Refuses options that contradict each other about what is made."""
    if logits_only and (only_plan or target):
        raise InputError("--logits-only builds no soup, so --plan and --output do not go with it; leave them out")
    if soups < 1:
        raise InputError(f"--soups must be at least 1, got {soups}; to build none, give --logits-only instead")


def _shown(baselines: str) -> tuple[str, ...]:
    """The names of the baselines that are asked for, with commas between."""
    from radin.evaluation.settings import check_baselines

    return check_baselines([] if baselines == "none" else [name.strip() for name in baselines.split(",")])


def _pool(given: Checkpoints, target: str | None, *, logits_only: bool) -> Pool:
    """The pool, of which there can be soups, and which can be written where they are wanted."""
    pool = given.pool()
    if not logits_only:
        check_several(pool)
    if target:
        _check_target(target, pool)
    return pool


def _check_target(target: str, pool: Pool) -> None:
    """Checks that soups of a pool can be written to a place."""
    from radin.report.soup_place import check_soup

    check_soup(target, pool.files, is_folder=pool.is_folders)


def _plan(pool: Pool, task: Task, as_json: bool, **how: Any) -> None:
    """Prints what a run will cost."""
    from radin.evaluation.planning import plan

    with Bars() as bars:
        planned = plan(pool, task, **how, progress=bars)
    print_json(planned.to_json()) if as_json else show_plan(planned)


def _collect(pool: Pool, task: Task, as_json: bool, **how: Any) -> None:
    """Stores the logits of all checkpoints, and prints where they lie."""
    from radin.evaluation.collecting import collect_logits

    with Bars() as bars:
        collected = collect_logits(pool, task, **how, progress=bars)
    print_json(collected.to_json()) if as_json else show_collected(collected)


def _run(pool: Pool, task: Task, target: str | None, as_json: bool, **how: Any) -> None:
    """Finds the best soup, and prints what was found."""
    from radin.procedure import make_soup

    with Bars() as bars:
        result = make_soup(pool, task, **how, progress=bars)
    deliver(result, target, as_json)


def deliver(result: Result, target: str | None, as_json: bool) -> None:
    """Saves the soup where it is wanted as well, and prints what was found, also where saving it fails."""
    unsaved: RadinError | None = None
    if target:
        try:
            result.save(target)
        except RadinError as error:
            unsaved, target = error, None
    print_json(result.to_json()) if as_json else show_result(result, target)
    if unsaved:
        raise unsaved


def show_collected(collected: Collected) -> None:
    """Prints where the logits lie, and how many passes they took."""
    click.echo(f"Logits: {collected.folder} ({counted(collected.passes, 'pass', 'passes')})")


def show_result(result: Result, target: str | None = None) -> None:
    """Prints what was found, as `radin show` prints it again."""
    show_record(Record(result.to_json(), result.run_dir), command, target)
