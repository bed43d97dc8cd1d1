"""The plots of a run: unseen data, soups above their members, classes, bill."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from radin.common.wording import counted, decimal, in_passes
from radin.report.bill import Bill
from radin.report.entries import Interval, Network, Unseen
from radin.report.member_names import member_names
from radin.report.near import near_best
from radin.report.page import svg
from radin.report.page.axis import Axis
from radin.report.page.plot import MIDDLE, Plot, Row, band, bar, below, dot, row, rule, whisker
from radin.report.page.svg import element
from radin.report.record import Record
from radin.scoring.significance import Z95

#: Soups that plots show, the best ones, and classes on either side of none.
SOUPS, CLASSES = 16, 12

#: Characters of a row's name that fit beside a plot on a page of 900 pixels.
NAME = 27


def unseen_plot(one: Unseen, record: Record, heading: str) -> Plot:
    """The winner and what it is compared with, on data that selected nothing, with 95 % intervals."""
    rows = [(_winner(record), one.winner, "soup")]
    if record.is_compared:
        rows.append((f"best ingredient, {_only(record.best_ingredient)}", one.best_ingredient, "ingredient"))
    if one.control:
        rows.append(("the same with recomputed statistics", one.control, "ingredient"))
    rows += [(title, each, "ingredient") for title, each in one.baselines.items()]
    axis = Axis.over(value for each in one.near for value in (each.low, each.high))

    def drawn(name: str, each: Interval, class_: str) -> Row:
        said = f"{name}: {decimal(each.value)}, 95 % interval {decimal(each.low)} to {decimal(each.high)}"
        marks = [whisker(axis, each.low, each.high, f"whisker {class_}"), dot(axis, each.value, class_, said)]
        return row(axis, name, marks, decimal(each.value), said, strong=class_ == "soup")

    beyond = [each for _, each, _ in rows if each not in one.near]
    key = [("ingredient dot", "at the very end: those that are far worse")] if beyond else []
    return Plot([drawn(*each) for each in rows], below(axis), key, heading, record.metric)


def selection_plot(record: Record, names: Mapping[str, str]) -> Plot:
    """Each soup above the values of its members, and below all ingredients; with the band of paired noise.

    Arguments:
        record: of the run.
        names: short forms of names.
    """
    soups = [one for one in record.leaderboard if one.is_soup][:SOUPS]
    own = {name: one.value for one in record.ingredients for name in one.recipe}
    best = record.best_ingredient.value
    asked = [one for one in soups if not record.title_of(one) or one == record.winner]
    reach = [best + sign * Z95 * one.ahead_error for one in asked if one.ahead_error for sign in (-1, 1)]
    all_values = [*own.values(), *(one.value for one in soups if one not in asked)]
    near = near_best(all_values, [*own.values()], higher_is_better=record.higher_is_better)
    axis = Axis.over(near + [one.value for one in asked] + reach)
    rows = [_soup_row(axis, f"{place_of(one, record)}:", one, own, best, names, record.title_of(one)) for one in soups]
    ticks = [_tick(axis, value, f"{name}: {decimal(value)}", 1.0) for name, value in own.items()]
    said = f"all {counted(len(own), 'ingredient')} that ran in full, the best at {decimal(best)}"
    rows.append(row(axis, _all(record), [rule(axis.at(best), "best"), *ticks], decimal(best), said))
    key = [("soup dot", "soup"), ("tick ingredient", "its members, each on its own"), ("rule", "best ingredient")]
    if reach:
        key.append(("band", "paired noise: a soup within it may be no better than the best ingredient"))
    if len(near) < len(all_values):  # ingredients, or baselines
        key.append(("tick ingredient", "at the very end: those that are far worse"))
    return Plot(rows, below(axis), key, unit=record.metric)


def _soup_row(
    axis: Axis, place: str, one: Network, own: Mapping[str, float], best: float, names: Mapping[str, str], title: str
) -> Row:
    marks = []
    if one.ahead_error:
        marks.append(band(axis, best - Z95 * one.ahead_error, best + Z95 * one.ahead_error))
    marks.append(rule(axis.at(best), "best"))
    heaviest = max(one.recipe.values())
    for name, weight in one.recipe.items():
        if name in own:
            said = f"{name}: {decimal(own[name])}, weight {weight:.3g}"
            marks.append(_tick(axis, own[name], said, weight / heaviest))
    said = f"soup of {one.size}: {decimal(one.value)}"
    marks.append(dot(axis, one.value, "soup", said))
    members = title or member_names(one, names, NAME - len(place) - 1)
    return row(axis, f"{place} {members}", marks, decimal(one.value), said)


def _tick(axis: Axis, value: float, said: str, share: float) -> Markup:
    """A short upright stroke at an ingredient's value, longer for a larger weight."""
    half, place = 3 + 5 * share, axis.at(value)
    ends = {"y1": f"{MIDDLE - half:.1f}", "y2": f"{MIDDLE + half:.1f}"}
    return element("line", svg.title(said), x1=place, x2=place, **ends, class_="tick ingredient")


def class_plot(changes: Mapping[str, Any]) -> Plot:
    """Samples of each class that the winner has right beyond the best ingredient, or lost."""
    found = sorted(changes["rows"], key=lambda one: one["best_ingredient"] - one["winner"])
    if len(found) > 2 * CLASSES:
        found = found[:CLASSES] + found[-CLASSES:]
    gains = [one["winner"] - one["best_ingredient"] for one in found]
    most = float(max(map(abs, gains)))
    axis = Axis.over([-most, most])
    rows = []
    for one, gain in zip(found, gains, strict=True):
        said = f"{one['class']}: {one['winner']} of {one['samples']} right, {one['best_ingredient']} before"
        marks = [bar(axis, float(gain), "gain" if gain > 0 else "loss", said), rule(axis.at(0.0), "best")]
        rows.append(row(axis, one["class"], marks, f"{gain:+d} of {one['samples']}", said))
    key = [("gain bar", "gained")] if max(gains) > 0 else []
    key += [("loss bar", "lost")] if min(gains) < 0 else []
    return Plot(rows, below(axis), key, unit="samples")


def bill_plot(bill: Bill) -> Plot:
    """Passes over the selection data, of this run and of other ways."""
    axis = Axis.over([passes for _, passes in bill.ways], zero=True)
    rows = []
    for name, passes in bill.ways:
        ours = name == "this run"
        said = f"{name}: {in_passes(passes)} passes"
        rows.append(
            row(
                axis, name, [bar(axis, passes, "soup" if ours else "other", said)], in_passes(passes), said, strong=ours
            )
        )
    return Plot(rows, below(axis), unit="passes")


def place_of(one: Network, record: Record) -> int:
    """The place of a soup on the leaderboard, by which all plots name it."""
    return next(place for place, other in enumerate(record.leaderboard, 1) if other.recipe == one.recipe)


def _winner(record: Record) -> str:
    if record.winner.is_soup:
        return f"soup of {record.winner.size}"
    return f"{'winner' if record.is_compared else 'best ingredient'}, {_only(record.winner)}"


def _all(record: Record) -> str:
    n = len(record.ingredients)
    return f"all {n} ingredients" if not record.dropped else f"the {n} that ran in full"


def _only(one: Network) -> str:
    return next(iter(one.recipe))
