"""A finished run on the screen: the verdict, what the winner is worth, the leaderboard, the bill, the files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import click

from radin.cli.mending import with_flags
from radin.cli.screen import SHORT_NAME, print_table, say
from radin.common.alike import said_together
from radin.common.wording import DASH, counted, decimal, duration, in_passes, said_once, shortened, signed
from radin.report.bill import Bill
from radin.report.drops import Drops, behind
from radin.report.entries import Interval, Unseen
from radin.report.record import Record
from radin.scoring.criterion_default import CRITERIA, limited_by_metric

#: Rows of the leaderboard on the screen; `leaderboard.json` has them all.
SHOWN = 10

#: Documents of the run folder beside the leaderboard; the model card stands beside the soup or in its folder.
FILES = {"report.html": "Report", "soups.png": "Picture"}


def show_record(record: Record, command: click.Command, target: str | None = None) -> None:
    """Prints a finished run.

    Arguments:
        record: of the run.
        command: the command that was called, whose flags would mend what is found.
        target: another place that the soup was written to.
    """
    short = shortened(_names(record), SHORT_NAME)
    say(record.verdict, short, bold=True)
    for show in (show_unseen, show_baselines, show_leaderboard, show_dropped):
        show(record)
    click.echo()
    if gap := record.document.get("surrogate_gap"):
        say(gap)
    for said in said_once((one["ingredient"], _finding(one, command)) for one in record.findings):
        say(f"Warning: {said}", short, fg="yellow")
    for remark in said_together(record.remarks):
        say(f"Note: {remark}.")
    bill = Bill.of(record)
    say(bill.text)
    say(spent_text(record, bill))
    if earlier := record.document.get("earlier"):
        say(_replaced(earlier[-1]), short)
    show_files(record, target)


def _finding(one: Mapping[str, Any], command: click.Command) -> str:
    """A finding, with the flags of the command that would mend it; those of radin 0.1 have their text alone."""
    return with_flags(one["message"], one["mend"], command) if "message" in one else str(one["text"])


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
    if (criterion := record.document.get("criterion", "metric")) != "metric":
        title += f", by {CRITERIA[criterion]}"
    if limited_by_metric(criterion):
        title += f", first those within one standard error of the best {record.metric}"
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
    if record.is_compared:
        rows.append([f"best ingredient, {name}", *_cells(only.best_ingredient)])
    if only.control:
        rows.append(["the same, BatchNorm statistics recomputed", *_cells(only.control)])
    rows += [[title, *_cells(one)] for title, one in only.baselines.items()]
    title = f"on the {only.name}, {counted(only.samples, only.unit)}"
    print_table(title, ["", record.metric, "95 % interval"], rows, numbers=(1,))
    if only.p_value is not None:
        say(f"Difference {signed(only.difference)}, p = {only.p_value:.3g} ({only.test}).")


def show_baselines(record: Record) -> None:
    """Prints what each baseline is and takes, or why it has no score."""
    short = shortened(_names(record), SHORT_NAME)
    for one in record.baselines:
        if one.soup is None:
            say(f"{one.title} has no score: {one.failure}")
            continue
        size, soups = counted(one.soup.size, "ingredient"), counted(one.soups, "real soup")
        value = f"{record.metric} {decimal(one.soup.value)} on the selection data"
        members = "" if one.name == "uniform" else f": {weights_text(one.soup.recipe, short)}"
        say(f"{one.title}: {soups}, of {size}, {value}{members}.")


def _cells(one: Interval) -> list[str]:
    return [decimal(one.value), f"{decimal(one.low)} to {decimal(one.high)}"]


def _show_several(record: Record) -> None:
    """A row for each test set, and their mean."""
    click.echo()
    titles = list(dict.fromkeys(title for one in record.unseen for title in one.baselines))
    columns = [[one.winner.value for one in record.unseen], [_rival(one).value for one in record.unseen]]
    columns += [[one.baselines[title].value for one in record.unseen if title in one.baselines] for title in titles]
    n = len(record.unseen)
    rows = [[one.name, *_values(one, titles), *_test(one)] for one in record.unseen]
    rows.append(["mean", *(decimal(sum(one) / n if len(one) == n else None) for one in columns), DASH, DASH, DASH])
    rival = "best ingredient" if record.unseen[0].control is None else "best ingredient, statistics recomputed"
    heads = ["test set", "winner", rival, *titles, "difference", "p", "samples"]
    print_table(f"{record.metric} on data that selected nothing", heads, rows, numbers=range(1, len(heads)))


def _rival(one: Unseen) -> Interval:
    return one.control or one.best_ingredient


def _values(one: Unseen, titles: Sequence[str]) -> list[str]:
    known = [one.baselines[title].value if title in one.baselines else None for title in titles]
    return [decimal(value) for value in (one.winner.value, _rival(one).value, *known)]


def _test(one: Unseen) -> list[str]:
    """The difference of the winner and its rival, its p-value, and the number of samples."""
    return [signed(one.difference), DASH if one.p_value is None else f"{one.p_value:.3g}", f"{one.samples:,}"]


def show_dropped(record: Record) -> None:
    """Prints the ingredients that the race dropped, if there are any."""
    if record.dropped:
        click.echo()
        names = shortened(_names(record), SHORT_NAME)
        rows = [_dropped(one, names) for one in record.dropped[:SHOWN]]
        title = "dropped early"
        if len(record.dropped) > SHOWN:
            title += f": {SHOWN} of {len(record.dropped)} shown"
        drops = Drops(record.dropped)
        columns = ["", record.metric, "samples", drops.heading, "in standard errors", "selections that took it"]
        if not drops.were_chosen:
            columns, rows = columns[:-1], [row[:-1] for row in rows]
        print_table(title, columns, rows, numbers=range(1, len(columns)))
        say(drops.reason)


def _dropped(one: Mapping[str, Any], names: Mapping[str, str]) -> list[str]:
    chosen = f"{one['chosen']} of {one['selections']}"
    return [names[one["name"]], decimal(one["value"]), f"{one['rows']:,}", *behind(one), chosen]


def spent_text(record: Record, bill: Bill) -> str:
    """The cost of the result in candidates and seconds, and of all results of its folder in passes, in words."""
    spent: Mapping[str, Any] = record.spent
    passes = "1 pass" if bill.passes == 1 else f"{in_passes(bill.passes)} passes"
    folder = [f"{passes} of ingredients ({duration(spent['seconds_passes'])})"]
    if spent.get("baselines"):
        folder.append(f"{counted(spent['baselines'], 'pass', 'passes')} for baselines alone")
    if spent.get("references"):
        passes = counted(spent["references"], "pass", "passes")
        folder.append(f"{passes} of the uniform soup to choose tokens")
    if spent.get("held_back_rows"):
        folder.append(f"{counted(spent['held_back_rows'], 'held-back row')} of networks that were compared")
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
        f"{counted(spent['soups'], 'real soup')} ({duration(spent['seconds_soups'])}{record.side_by_side}); in this "
        f"folder: {', '.join(folder)}."
    )


def _replaced(earlier: Mapping[str, Any]) -> str:
    """The earlier soup that was replaced in the run folder, and how to get it back, in words."""
    made, value = earlier["settings"], earlier.get("value", earlier["score"])
    return (
        f"An earlier soup of this folder was replaced: {earlier['text']}, {earlier['metric']} {decimal(value)} "
        f"({made['searcher']}, λ = {made['lam']:g}, B = {made['soups']}, seed {made['seed']}). It stands in "
        "leaderboard.json as `earlier`; the command that found it writes it again, with nothing to evaluate."
    )


def show_files(record: Record, target: str | None) -> None:
    """Prints where the winner and the documents lie."""
    chosen = "The ingredient that was chosen" if record.is_compared else "The best ingredient"
    label = "Soup" if record.winner.is_soup else f"{chosen}, copied"
    click.echo(f"{label}: {target or record.soup}")
    for name, words in FILES.items():
        if (record.folder / name).exists():
            click.echo(f"{words}: {record.folder / name}")
    if record.card.exists():
        click.echo(f"Model card: {record.card}")
    click.echo(f"Leaderboard: {record.file}")
