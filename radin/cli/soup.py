"""`radin soup`: from a folder of checkpoints to the best soup."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from radin.cli.console import (
    check_several,
    duration,
    json_option,
    pairs,
    pool_options,
    print_json,
    searcher_options,
    task_from,
    task_options,
    worker_options,
    workers_from,
)
from radin.cli.planned import show_plan
from radin.cli.screen import print_table, show_warnings
from radin.common.bars import Bars
from radin.common.wording import counted
from radin.errors import InputError, RadinError
from radin.evaluation.race_default import RACE

if TYPE_CHECKING:
    from radin.evaluation.collecting import Collected
    from radin.report.comparison import Comparison
    from radin.report.result import Result

#: Rows of the leaderboard on the screen; `leaderboard.json` has them all.
SHOWN = 10


@click.command(
    "soup",
    epilog="Examples: radin soup runs/*.safetensors --task mytask.py:task --soups 4 --run-dir runs/soup  |  "
    "radin soup runs/*.pt --task open_clip --task-arg arch=ViT-B-32 --task-arg data=val/ --plan",
)
@pool_options
@click.option(
    "--task",
    "spec",
    required=True,
    metavar="TASK",
    help="Function that makes the task, as FILE.py:FUNC or MODULE:FUNC, or a ready one: open_clip, timm, torchvision.",
)
@task_options
@searcher_options
@click.option("--soups", default=4, show_default=True, help="B: the most real soups to build and evaluate.")
@click.option("--seconds", type=float, help="End search and verification after this many seconds together.")
@click.option(
    "--calibrate/--no-calibrate",
    default=True,
    show_default=True,
    help="Choose each next soup by what the earlier ones taught, or verify the B best in order.",
)
@click.option(
    "--race/--no-race",
    default=RACE,
    show_default=True,
    help="Run checkpoints in stages, and drop early those that can no longer matter, or run all in full.",
)
@click.option(
    "--baselines",
    default="uniform",
    show_default=True,
    metavar="NAMES",
    help="Soups to show beside the winner, outside B, with commas between: uniform (one soup of everything), greedy, "
    "last-k (up to N - 1 soups each), or none.",
)
@click.option("-o", "--output", "target", metavar="FILE", help="Write the soup to this .safetensors file, too.")
@click.option(
    "--plan", "only_plan", is_flag=True, help="Print passes, memory, disk and time that the run will take, and stop."
)
@click.option("--logits-only", is_flag=True, help="Run every checkpoint, store its logits for `radin rank`, and stop.")
@worker_options
@json_option
def command(
    checkpoints: tuple[str, ...],
    spec: str,
    arguments: tuple[str, ...],
    weights: str | None,
    prefix: str | None,
    keep: tuple[str, ...],
    searcher: str,
    parameters: tuple[str, ...],
    candidates: int,
    lam: float,
    seed: int,
    soups: int,
    seconds: float | None,
    split: str | None,
    batchnorm: Any,
    calibrate: bool,
    race: bool,
    baselines: str,
    run_dir: str,
    target: str | None,
    only_plan: bool,
    logits_only: bool,
    workers: str | None,
    address: str | None,
    threads: int | None,
    as_json: bool,
    **changes: Any,
) -> None:
    """Find the best soup of checkpoints (files, folders or globs) with a budget of B real soups.

    Every checkpoint is run once. Recipes are ranked by the averaged logits of their checkpoints. The B most promising
    soups are built and evaluated. The best of them, or the best checkpoint, is written to the run folder. After an
    interruption the same command continues.
    """
    from radin.evaluation.settings import check_baselines, check_run_dir, check_settings
    from radin.report.result import check_soup_file
    from radin.searching.budget import Budget
    from radin.tasks.adapters import parse_task
    from radin.weights.averaging import refuse_ingredients
    from radin.weights.pool import Pool

    if logits_only and (only_plan or target):
        raise InputError("--logits-only builds no soup, so --plan and --output do not go with it; leave them out")
    if target:
        check_soup_file(target)
    if soups < 1:
        raise InputError(f"--soups must be at least 1, got {soups}; to build none, give --logits-only instead")
    budget = Budget(candidates=candidates, soups=soups, seconds=seconds)
    options = pairs(parameters, "-p")
    check_settings(searcher, options, budget, lam, seed)
    shown = check_baselines([] if baselines == "none" else [name.strip() for name in baselines.split(",")])
    parse_task(spec)
    if not only_plan:
        check_run_dir(run_dir)
    pool = Pool(checkpoints, weights=weights, prefix=prefix, keep=keep)
    if not logits_only:
        check_several(pool)
    if target:
        refuse_ingredients([Path(target)], pool.files)

    # These bring torch along, which takes seconds: what is wrong above is said at once.
    from radin.evaluation.collecting import collect_logits
    from radin.evaluation.planning import plan
    from radin.procedure import make_soup

    crew = workers_from(workers, address, threads)
    task = task_from(spec, arguments, split, changes)
    if only_plan:
        with Bars() as bars:
            cost: dict[str, Any] = {"budget": budget, "batchnorm": batchnorm, "race": race, "baselines": shown}
            planned = plan(pool, task, run_dir=run_dir, **cost, progress=bars)
        print_json(planned.to_json()) if as_json else show_plan(planned)
    elif logits_only:
        with Bars() as bars:
            collected = collect_logits(pool, task, run_dir=run_dir, workers=crew, progress=bars)
        print_json(collected.to_json()) if as_json else show_collected(collected)
    else:
        with Bars() as bars:
            how: dict[str, Any] = {"searcher": searcher, "options": options, "budget": budget, "lam": lam, "seed": seed}
            how |= {"calibrate": calibrate, "batchnorm": batchnorm, "race": race, "run_dir": run_dir, "progress": bars}
            how |= {"baselines": shown, "workers": crew}
            result = make_soup(pool, task, **how)
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
    """Prints the leaderboard, the verdict and the files."""
    shown = result.leaderboard[:SHOWN]
    rows = [
        [
            str(place),
            f"{entry.value:.4f}",
            f"{entry.ensemble_value:.4f}" if entry.recipe.size > 1 else "",
            str(entry.recipe.size),
        ]
        for place, entry in enumerate(shown, start=1)
    ]
    columns, recipes = ["", result.metric, "averaged logits", "size"], [str(entry.recipe) for entry in shown]
    print_table("leaderboard, on the selection data", columns, rows, numbers=range(4), recipes=recipes)
    click.echo(result.verdict)
    if gap := result.surrogate_gap:
        click.echo(gap)
    show_baselines(result)
    show_dropped(result)
    show_warnings(result.findings, command)
    remarks = show_tests(result) if len(result.tests) > 1 else show_report(result.report)
    for remark in dict.fromkeys([*remarks, *result.spent.notes]):
        click.echo(f"Note: {remark}.")
    if len(result.leaderboard) > 1:
        click.echo(_rows_spent(result))
    click.echo(_spent(result))
    if result.earlier:
        click.echo(_replaced(result.earlier[-1]))
    click.echo(f"Soup: {target or result.run_dir / 'soup.safetensors'}")
    click.echo(f"Leaderboard and picture: {Path(result.run_dir) / 'leaderboard.json'}, score-against-budget.png")


def show_baselines(result: Result) -> None:
    """Prints the soups that a user asks for first beside the winner and the best ingredient, if there are any."""
    if not result.baselines:
        return
    tests = {name: one for name, one in _tests(result).items() if one.data != "selection"}
    rows = []
    for title, entry in (("winner", result.best), ("best ingredient", result.best_ingredient)):
        values = [one.winner if entry is result.best else one.best_ingredient for one in tests.values()]
        rows.append([title, f"{entry.value:.4f}", *map(str, values), "", str(entry.recipe.size)])
    for baseline in result.baselines:
        known = [str(baseline.tests[name]) if name in baseline.tests else "" for name in tests]
        soup = baseline.soup
        value, size = ("none", "") if soup is None else (f"{soup.value:.4f}", str(soup.recipe.size))
        rows.append([baseline.name, value, *known, str(baseline.soups), size])
    columns = ["", result.metric, *(one.where.removeprefix("the ") for one in tests.values()), "real soups", "size"]
    print_table("baselines beside the winner", columns, rows, numbers=range(1, len(columns)))
    for baseline in result.baselines:
        if baseline.soup is None:
            click.echo(f"{baseline.name} has no score: {baseline.failure}")
        elif baseline.name != "uniform":
            click.echo(f"{baseline.name}: {baseline.soup.recipe}")


def _tests(result: Result) -> Mapping[str, Comparison]:
    return result.tests or {"held-back": result.report}


def show_dropped(result: Result) -> None:
    """Prints the ingredients that the race dropped, if there are any."""
    if result.dropped:
        rows = [[f"{one.value:.4f}", f"{one.rows:,}", one.name, one.why] for one in result.dropped]
        print_table("dropped early", [result.metric, "on samples", "checkpoint", "why"], rows, numbers=range(2))


def _rows_spent(result: Result) -> str:
    """The bill in passes' worth of rows, beside that of the greedy soup, in words."""
    n = len(result.dropped) + sum(entry.recipe.size == 1 for entry in result.leaderboard)
    ran = f"{n - len(result.dropped)} ran in full" if result.dropped else "all ran in full"
    return (
        f"Spent: {result.spent.passes_worth:.1f} passes' worth of rows for {counted(n, 'ingredient')} ({ran}), "
        f"{counted(len(result.verified), 'soup')}; the greedy soup would have taken {2 * n - 1}."
    )


def _spent(result: Result) -> str:
    """The cost of the result, and of all results in its folder, in words."""
    spent = result.spent
    passes = f"{counted(spent.passes, 'ingredient pass', 'ingredient passes')} ({duration(spent.seconds_passes)})"
    folder = [passes, *_beside(result)]
    if spent.lost:
        folder.append(f"{counted(spent.lost, 'evaluation')} lost to interruptions or damage")
    return (
        f"Spent on this result: {counted(spent.candidates, 'candidate')} ({duration(spent.seconds_search)}), "
        f"{counted(spent.soups, 'real soup')} ({duration(spent.seconds_soups)}); in this folder: {', '.join(folder)}."
    )


def _beside(result: Result) -> list[str]:
    """What was run beside ingredients and soups: for baselines, and after the choice, in words."""
    spent, found = result.spent, []
    if spent.baselines:
        found.append(f"{counted(spent.baselines, 'pass', 'passes')} for baselines alone")
    if spent.held_back_rows:
        found.append(f"{counted(spent.held_back_rows, 'held-back row')} of networks that were compared")
    if spent.test_passes:
        sets = "test sets" if len(result.tests) > 1 else "the test set"
        found.append(f"{counted(spent.test_passes, 'pass', 'passes')} over {sets}")
    if spent.statistics:
        times, samples = counted(spent.statistics, "time"), counted(spent.statistics_samples, "sample")
        found.append(f"BatchNorm statistics {times} on {samples} in all")
    if spent.controls:
        found.append(f"{counted(spent.controls, 'pass', 'passes')} of ingredients with recomputed ones")
    return found


def _replaced(earlier: Mapping[str, Any]) -> str:
    """The earlier soup that was replaced in the run folder, and how to get it back, in words."""
    made, value = earlier["settings"], earlier.get("value", earlier["score"])
    return (
        f"An earlier soup of this folder was replaced: {earlier['text']}, {earlier['metric']} {value:.4f} "
        f"({made['searcher']}, λ = {made['lam']:g}, B = {made['soups']}, seed {made['seed']}). It stands in "
        "leaderboard.json as `earlier`; the command that found it writes it again, with nothing to evaluate."
    )


def show_report(report: Comparison) -> list[str]:
    """Prints the winner and the best ingredient on data that selected nothing; returns remarks."""
    where = {"test": "test set", "held-back": "held-back data", "selection": "selection data"}[report.data]
    line = f"On the {where} ({counted(report.n_samples, 'sample')}): winner {report.winner}"
    rival, p_value = report.rival
    if p_value is not None:
        line += f", best ingredient {report.best_ingredient}"
        line += f", with BatchNorm statistics recomputed like the winner's {rival}" if report.control else ""
        line += f"; {report.test}{' with the latter' if report.control else ''}: p = {p_value:.3g}"
    click.echo(line)
    return report.remarks


def show_tests(result: Result) -> list[str]:
    """Prints the same for several test sets, a column for each, and their mean; returns remarks."""
    values = [result.on_tests(recipe) for recipe in (result.best.recipe, result.best_ingredient.recipe)]
    names = ["winner", f"best ingredient, {result.best_ingredient.recipe}"]
    rows = [[name, *(f"{value:.4f}" for value in row.values())] for name, row in zip(names, values, strict=True)]
    reports = result.tests.values()
    rivals = [one.rival for one in reports]
    if all(one.control for one in reports):
        alike = [rival.value for rival, _ in rivals]
        recomputed = (f"{value:.4f}" for value in [*alike, sum(alike) / len(alike)])
        rows.append(["the same, BatchNorm statistics recomputed", *recomputed])
    rows.append(["p, winner and row above", *("" if p is None else f"{p:.3g}" for _, p in rivals), ""])
    rows.append(["samples", *(f"{one.n_samples:,}" for one in reports), ""])
    columns = [f"{result.metric} on", *values[0]]
    print_table("test sets", columns, rows, numbers=range(1, len(columns)))
    few = [name for name, one in result.tests.items() if one.is_small]
    small = [f"the samples of {', '.join(few)} are few: intervals are too wide to decide much"] if few else []
    return [note for one in reports for note in one.notes] + small
