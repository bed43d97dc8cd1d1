"""A finished run on the screen: the verdict, what the winner is worth, the leaderboard, the bill, the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from radin.cli.console import duration
from radin.cli.mending import with_flags
from radin.cli.screen import print_table, say
from radin.common.wording import DASH, counted, decimal, shortened, signed
from radin.report.cost import Bill
from radin.report.record import SOUP, Interval, Record, Unseen

#: Rows of the leaderboard on the screen; `leaderboard.json` has them all.
SHOWN = 10

#: Documents of the run folder beside the leaderboard.
FILES = {"report.html": "Report", "soups.png": "Picture", "README.md": "Model card"}

#: Characters of a name that a table need not shorten.
SHORT_NAME = 24


def show_record(record: Record, command: click.Command, target: str | None = None) -> None:
    """Prints a finished run.

    Arguments:
        record: of the run.
        command: the command that was called, whose flags would mend what is found.
        target: another place that the soup was written to.
    """
    say(record.verdict, bold=True)
    for show in (show_unseen, show_leaderboard, show_dropped):
        show(record)
    click.echo()
    if gap := record.document.get("surrogate_gap"):
        say(gap)
    for one in record.findings:
        said = with_flags(one["message"], one["mend"], command) if "message" in one else one["text"]
        say(f"Warning: {said}", fg="yellow")
    for remark in record.remarks:
        say(f"Note: {remark}.")
    say(Bill.of(record).text)
    say(spent_text(record))
    if earlier := record.document.get("earlier"):
        say(_replaced(earlier[-1]))
    show_files(record, target)


def show_leaderboard(record: Record) -> None:
    """Prints the best soups and ingredients; of the others only how many there are."""
    click.echo()
    shown = record.leaderboard[:SHOWN]
    names = shortened([*_names(record)], SHORT_NAME)
    rows = [
        [str(place), decimal(one.value), decimal(one.promised) if one.is_soup else DASH, str(one.size)]
        for place, one in enumerate(shown, start=1)
    ]
    columns = ["", record.metric, "averaged logits", "size"]
    title = "leaderboard, on the selection data"
    if len(record.leaderboard) > SHOWN:
        title += f": {SHOWN} of {len(record.leaderboard)} shown"
    print_table(title, columns, rows, numbers=range(4), recipes=[weights_text(one.recipe, names) for one in shown])


def _names(record: Record) -> list[str]:
    return [name for one in record.ingredients for name in one.recipe] + [one["name"] for one in record.dropped]


def weights_text(recipe: Mapping[str, float], names: Mapping[str, str]) -> str:
    """A recipe in a line, its members by weight.

    Arguments:
        recipe: weights by name.
        names: short forms of names.
    """
    if len(set(recipe.values())) == 1:
        return " + ".join(names.get(name, name) for name in recipe)
    by_weight = sorted(recipe.items(), key=lambda member: -member[1])
    return " + ".join(f"{weight:.3g} {names.get(name, name)}" for name, weight in by_weight)


def show_unseen(record: Record) -> None:
    """Prints the winner and the best ingredient on data that selected nothing, with intervals."""
    if len(record.unseen) > 1:
        _show_several(record)
        return
    (only,) = record.unseen
    click.echo()
    best = next(iter(record.best_ingredient.recipe))
    name = shortened(_names(record), SHORT_NAME)[best]
    rows = [["winner", *_cells(only.winner)]]
    if record.winner.is_soup:
        rows.append([f"best ingredient, {name}", *_cells(only.best_ingredient)])
    if only.control:
        rows.append(["the same, BatchNorm statistics recomputed", *_cells(only.control)])
    rows += [[title, *_cells(one)] for title, one in only.baselines.items()]
    title = f"on the {only.name}, {counted(only.samples, 'sample')}"
    print_table(title, ["", record.metric, "95 % interval"], rows, numbers=(1,))
    if only.p_value is not None:
        say(f"Difference {signed(only.difference)}, p = {only.p_value:.3g} ({only.test}).")


def _cells(one: Interval) -> list[str]:
    return [decimal(one.value), f"{decimal(one.low)} to {decimal(one.high)}"]


def _show_several(record: Record) -> None:
    """A row for each test set, and their mean."""
    click.echo()
    rows = [[*_row(one), f"{one.samples:,}"] for one in record.unseen]
    n = len(record.unseen)
    means = [sum(values) / n for values in zip(*(_values(one) for one in record.unseen), strict=True)]
    rows.append(["mean", *(decimal(value) for value in means), signed(means[0] - means[1]), DASH, DASH])
    columns = ["test set", "winner", _rival(record.unseen), "difference", "p", "samples"]
    print_table(f"{record.metric} on data that selected nothing", columns, rows, numbers=range(1, 6))


def _rival(sets: Sequence[Unseen]) -> str:
    return "best ingredient" if sets[0].control is None else "best ingredient, statistics recomputed"


def _values(one: Unseen) -> tuple[float, float]:
    return one.winner.value, (one.control or one.best_ingredient).value


def _row(one: Unseen) -> list[str]:
    p = DASH if one.p_value is None else f"{one.p_value:.3g}"
    return [one.name, *(decimal(value) for value in _values(one)), signed(one.difference), p]


def show_dropped(record: Record) -> None:
    """Prints the ingredients that the race dropped, if there are any."""
    if record.dropped:
        click.echo()
        names = shortened(_names(record), SHORT_NAME)
        rows = [_dropped(one, names) for one in record.dropped[:SHOWN]]
        title = "dropped early"
        if len(record.dropped) > SHOWN:
            title += f": {SHOWN} of {len(record.dropped)} shown"
        columns = ["", record.metric, "samples", "behind the best", "standard errors", "chosen"]
        print_table(title, columns, rows, numbers=range(1, 6))


def _dropped(one: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    errors = DASH if one["error"] == 0 else f"{one['behind'] / one['error']:.1f}"
    value, behind = decimal(one["value"]), f"{one['behind']:.3g}"
    return [names[one["name"]], value, f"{one['rows']:,}", behind, errors, f"{one['chosen']}/{one['selections']}"]


def spent_text(record: Record) -> str:
    """What the result cost in candidates and seconds, and all results of its folder in passes, in words."""
    spent: Mapping[str, Any] = record.spent
    folder = [
        f"{counted(spent['passes'], 'ingredient pass', 'ingredient passes')} ({duration(spent['seconds_passes'])})",
    ]
    if spent["test_passes"]:
        sets = "test sets" if len(record.unseen) > 1 else "the test set"
        folder.append(f"{counted(spent['test_passes'], 'pass', 'passes')} over {sets}")
    if spent.get("statistics"):
        times, samples = counted(spent["statistics"], "time"), counted(spent["statistics_samples"], "sample")
        folder.append(f"BatchNorm statistics {times} on {samples} in all")
    if spent.get("controls"):
        folder.append(f"{counted(spent['controls'], 'pass', 'passes')} of ingredients with recomputed ones")
    if spent["lost"]:
        folder.append(f"{counted(spent['lost'], 'evaluation')} lost to interruptions or damage")
    return (
        f"Spent on this result: {counted(spent['candidates'], 'candidate')} ({duration(spent['seconds_search'])}), "
        f"{counted(spent['soups'], 'real soup')} ({duration(spent['seconds_soups'])}); in this folder: "
        f"{', '.join(folder)}."
    )


def _replaced(earlier: Mapping[str, Any]) -> str:
    """The earlier soup that was replaced in the run folder, and how to get it back, in words."""
    made, value = earlier["settings"], earlier.get("value", earlier["score"])
    return (
        f"An earlier soup of this folder was replaced: {earlier['text']}, {earlier['metric']} {value:.4f} "
        f"({made['searcher']}, λ = {made['lam']:g}, B = {made['soups']}, seed {made['seed']}). It stands in "
        "leaderboard.json as `earlier`; the command that found it writes it again, with nothing to evaluate."
    )


def show_files(record: Record, target: str | None) -> None:
    """Prints where the winner and the documents lie."""
    label = "Soup" if record.winner.is_soup else "The best ingredient, copied"
    click.echo(f"{label}: {target or record.folder / SOUP}")
    for name, words in FILES.items():
        if (record.folder / name).exists():
            click.echo(f"{words}: {record.folder / name}")
    click.echo(f"Leaderboard: {record.file}")
