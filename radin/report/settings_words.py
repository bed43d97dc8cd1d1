"""The settings of a run in the words of the options that a user gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from radin.evaluation.race_settings import RaceSettings
from radin.report.record import Record

#: Names of the settings that are not those of the options.
NAMES = {"lam": "lambda", "soups": "soups, B", "at_once": "at once"}

#: What no cap is called, by the cap.
NO_CAP = {"candidates": "no cap", "soups": "no cap", "seconds": "no cap"}


def settings_in_words(record: Record) -> list[tuple[str, str]]:
    """The settings of a run, each by the name of its option, with its value as one would give it.

    What a race's rule has beside its defaults is named; a rule that is all defaults is `yes`.

    Arguments:
        record: of the run.
    """
    made = dict(record.settings)
    options, race = made.pop("options", None) or {}, made.pop("race", None)
    said = [(NAMES.get(name, name), _value(name, value)) for name, value in made.items()]
    said += [(f"option {name}", _value(name, value)) for name, value in options.items()]
    if not record.scored_outside:
        said.append(("race", _race(race)))
    if batchnorm := record.document.get("batchnorm"):
        said.append(("batchnorm", str(batchnorm)))
    return said


def _value(name: str, value: Any) -> str:
    if value is None:
        return NO_CAP.get(name, "none")
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value)) or "none"
    if isinstance(value, int) and name != "seed":  # a seed is a name, to be given again
        return f"{value:,}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _race(rule: Mapping[str, Any] | None) -> str:
    """Whether there was a race, and by which rule, where that is not the default."""
    if rule is None:
        return "no"
    usual = asdict(RaceSettings())
    other = [f"{name} {_value(name, value)}" for name, value in rule.items() if _differs(value, usual.get(name))]
    return f"yes, with {' and '.join(other)}" if other else "yes"


def _differs(value: Any, usual: Any) -> bool:
    return (tuple(value) if isinstance(value, list) else value) != usual
