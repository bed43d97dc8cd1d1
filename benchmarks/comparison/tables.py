"""Means over replicates with their intervals, and every method beside the greedy soup of the same replicate."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

import radin
from benchmarks.comparison.rows import Row
from radin.scoring.criterion_default import CRITERIA

#: The method with which all others are compared.
REFERENCE = "greedy soup"

#: `radin.make_soup` as it comes: what its searcher is called here, and its λ.
_ARGUMENTS = {name: one.default for name, one in inspect.signature(radin.make_soup).parameters.items()}
DEFAULT = ("calibrated " if _ARGUMENTS["calibrate"] else "") + _ARGUMENTS["searcher"], float(_ARGUMENTS["lam"])


@dataclass(frozen=True)
class Mean:
    """A mean over replicates and half the width of its 95 % interval (Student's t)."""

    value: float
    half: float
    count: int

    @classmethod
    def of(cls, values: Iterable[float]) -> Mean:
        """The mean of some values; the interval of a single one is unknown, and infinite here."""
        array = np.array(list(values), dtype=np.float64)
        if len(array) < 2:
            return cls(float(array.mean()), np.inf, len(array))
        half = stats.t.ppf(0.975, len(array) - 1) * array.std(ddof=1) / np.sqrt(len(array))
        return cls(float(array.mean()), float(half), len(array))

    def show(self, scale: float = 100.0, digits: int = 2, sign: str = "") -> str:
        """In per cent, unless another scale is asked for."""
        half = "?" if np.isinf(self.half) else f"{scale * self.half:.{digits}f}"
        return f"{scale * self.value:{sign}.{digits}f} ± {half}"


@dataclass(frozen=True)
class Setting:
    """The subject of a table: one pool, as it was then, and the share of it that took part."""

    zoo: str
    store: str
    batchnorm: str
    part: float
    pool_size: int
    n: int
    samples_reporting: int
    criterion: str

    def __str__(self) -> str:
        policy = "" if self.batchnorm == "average" else f", BatchNorm: {self.batchnorm}"
        by = "" if self.criterion == "metric" else f", chosen by {CRITERIA[self.criterion]}"
        parts = f"{self.n} of {self.pool_size} ingredients, {self.samples_reporting} samples report"
        return f"{self.zoo}: {parts}{policy}{by}"


def by_setting(rows: Iterable[Row]) -> dict[Setting, list[Row]]:
    """The rows that have a score, by what they may be compared within."""
    found: dict[Setting, list[Row]] = {}
    for row in rows:
        if row["error"] is None and row["skipped"] is None:
            found.setdefault(Setting(*(row[name] for name in Setting.__dataclass_fields__)), []).append(row)
    return found


def lines_of(rows: Sequence[Row]) -> dict[tuple[str, int | None], dict[int, Row]]:
    """Rows by method and budget, then by replicate; baselines come first.

    A method is called by its name and λ, and by K and options where these rows have several.
    """
    ran: dict[str, dict[str, set[str]]] = {}
    for row in rows:
        for field in ("candidates", "options"):
            ran.setdefault(row["method"], {}).setdefault(field, set()).add(json.dumps(row[field]))
    found: dict[tuple[str, int | None], dict[int, Row]] = {}
    for row in sorted(rows, key=lambda row: row["kind"] != "baseline"):
        name = str(row["method"])
        if row["kind"] != "baseline":
            name += f", λ = {row['lam']:g}"
            name += "".join(f", {field} {row[field]}" for field, seen in ran[row["method"]].items() if len(seen) > 1)
        found.setdefault((name, row["soups"]), {})[row["replicate"]] = row
    return found


def paired(line: Mapping[int, Row], other: Mapping[int, Row], field: str) -> Mean | None:
    """Mean difference of two methods over the replicates that both have."""
    common = line.keys() & other.keys()
    return Mean.of(line[r][field] - other[r][field] for r in common) if common else None


def mean(line: Mapping[int, Row], field: str) -> float | None:
    """Mean of a number over replicates, where it is known."""
    known = [row[field] for row in line.values() if row.get(field) is not None]
    return float(np.mean(known)) if known else None


COLUMNS = (
    "method",
    "B",
    "held out",
    "− greedy soup",
    "in SE",
    "selection",
    "size",
    "real soups",
    "candidates",
    "search, s",
    "soups, s",
)


def method_table(rows: Sequence[Row]) -> list[list[str]]:
    """One line for each method and budget. Scores and differences in per cent, `±` their 95 % interval.

    `in SE` is the mean difference to the greedy soup in standard errors of one held-out score.
    """
    lines = lines_of(rows)
    reference = lines.get((REFERENCE, None), {})
    table = []
    for (name, soups), line in lines.items():
        difference = paired(line, reference, "held_out")
        error = mean(line, "standard_error")
        in_se = "" if difference is None or not error else f"{difference.value / error:+.2f}"
        table.append(
            [
                name,
                "" if soups is None else str(soups),
                Mean.of(row["held_out"] for row in line.values()).show(),
                "" if difference is None else difference.show(sign="+"),
                in_se,
                Mean.of(row["selection"] for row in line.values()).show(),
                _number(mean(line, "size"), 1),
                _number(mean(line, "soups_charged"), 1),
                _number(mean(line, "candidates_charged"), 0),
                _number(mean(line, "seconds_search"), 2),
                _number(mean(line, "seconds_soups"), 1),
            ]
        )
    return table


FIGURES = ("pool", "comparison", "held out, difference", "in SE", "selection, difference", "verdict")


def figures(setting: Setting, rows: Sequence[Row]) -> list[list[str]]:
    """The comparisons that radin's claims rest on, as lines: each a paired difference over replicates."""
    lines = lines_of(rows)
    default, lam = DEFAULT
    name, plain = f"{default}, λ = {lam:g}", f"{default.removeprefix('calibrated ')}, λ = {lam:g}"
    asked: list[tuple[tuple[str, int | None], tuple[str, int | None], Callable[[Mean, float], str]]] = [
        ((name, 4), (REFERENCE, None), _within),
        ((name, 1), (REFERENCE, 1), _not_worse),
        ((name, 1), ("random soups", 1), _not_worse),
        *(((name, b), (plain, b), _not_worse) for b in (4, 8)),
    ]
    table = []
    for one, other, verdict in asked:
        if one not in lines or other not in lines:
            continue
        held, selected = (paired(lines[one], lines[other], field) for field in ("held_out", "selection"))
        error = mean(lines[one], "standard_error")
        if held is None or selected is None or not error:
            continue
        against = f"{_cell(one)} − {_cell(other)}"
        shown = [held.show(sign="+"), f"{held.value / error:+.2f}", selected.show(sign="+"), verdict(held, error)]
        table.append([setting.zoo, against, *shown])
    return table


def across(settings: Mapping[Setting, Sequence[Row]], soups: int) -> tuple[list[str], list[list[str]]]:
    """Every method at one budget beside the greedy soup with all its evaluations, pool by pool.

    Returns:
        columns and lines. Cells are mean differences on held-out samples, in standard errors of one such score; `*`
        marks a 95 % interval without 0, and methods that ran on half of the replicates or fewer have none. Lines are
        sorted by the mean over pools, best first; those that did not run on all of them come last.
    """
    pools, cells = [_named(setting, settings) for setting in settings], dict[str, dict[int, tuple[float, bool]]]()
    for number, rows in enumerate(settings.values()):
        lines = lines_of(rows)
        for (name, cap), line in lines.items():
            reference = lines.get((REFERENCE, None), {})
            held = paired(line, reference, "held_out") if cap in (soups, None) else None
            if held is not None and 2 * held.count > len(reference) and (error := mean(line, "standard_error")):
                name += " in full" if (name, cap) == (REFERENCE, None) else ""
                cells.setdefault(name, {})[number] = held.value / error, abs(held.value) > held.half
    table = []
    for name, line in cells.items():
        values = [line[i][0] for i in sorted(line)]
        shown = [f"{line[i][0]:+.2f}{'*' if line[i][1] else ''}" if i in line else "" for i in range(len(pools))]
        overall = [f"{np.mean(values):+.2f}", f"{min(values):+.2f}"] if len(line) == len(pools) else ["", ""]
        table.append(((len(line) < len(pools), -float(np.mean(values))), [name, *shown, *overall]))
    return ["method", *pools, "mean", "worst"], [line for _, line in sorted(table)]


def _named(setting: Setting, settings: Mapping[Setting, Sequence[Row]]) -> str:
    """A pool's name, with what sets it apart from other settings of the same pool."""
    alike = [other for other in settings if other.zoo == setting.zoo]
    name = setting.zoo
    for field in ("n", "batchnorm", "samples_reporting", "store", "criterion"):
        if len({getattr(other, field) for other in alike}) > 1:
            name += f", {getattr(setting, field)}"
    return name


def markdown(columns: Sequence[str], table: Sequence[Sequence[str]], texts: int = 1) -> str:
    """A table as Markdown; columns after the first few are numbers, aligned to the right."""
    rules = ["---"] * texts + ["---:"] * (len(columns) - texts)
    return "\n".join("| " + " | ".join(line) + " |" for line in (columns, rules, *table))


def _within(held: Mean, error: float) -> str:
    return "within 0.25 SE" if held.value >= -0.25 * error else "worse by more than 0.25 SE"


def _not_worse(held: Mean, error: float) -> str:
    if held.value + held.half < 0:
        return "worse"
    return "better" if held.value - held.half > 0 else "no difference shown"


def _cell(line: tuple[str, int | None]) -> str:
    return line[0] + (" in full" if line[1] is None else f" at B = {line[1]}")


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"
