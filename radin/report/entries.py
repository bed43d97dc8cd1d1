"""The entries of a finished run's record: networks, baselines, and values on unseen data; without torch or numpy."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


def number(given: object) -> float:
    """A number of a document.

    Raises:
        TypeError: it is something else; says what.
    """
    if isinstance(given, bool) or not isinstance(given, int | float):
        raise TypeError(f"{given!r} stands where a number belongs")
    return float(given)


def known(given: object) -> float | None:
    """A number of a document, or None where it has none.

    Raises:
        TypeError: it is something else; says what.
    """
    return None if given is None else number(given)


def finite(given: object) -> float | None:
    """A number of a document, or None where it has none, or one that is not finite.

    Raises:
        TypeError: it is something else; says what.
    """
    value = known(given)
    return value if value is not None and math.isfinite(value) else None


@dataclass(frozen=True)
class Interval:
    """A metric's value on some samples, with its 95 % interval."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Interval | None:
        """The interval in a document; None where there is none."""
        return None if given is None else cls.read(given)

    @classmethod
    def read(cls, given: Mapping[str, Any]) -> Interval:
        """The interval in a document that has one."""
        return cls(*(number(given[name]) for name in ("value", "low", "high")))


@dataclass(frozen=True)
class Promise:
    """The score that a soup was chosen for, beside the real one: scores of the criterion, better when higher.

    Attributes:
        averaged: score of the averaged logits, which cost no pass; without the prior.
        real: score of the soup.
        error: standard error of the paired difference of the two.
        corrected: what earlier soups led to expect of this one when it was chosen. None where there were none, or where
            nothing is learnt from them.
    """

    averaged: float
    real: float
    error: float
    corrected: float | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Promise | None:
        """The promise in a document; None where there is none, as in those of radin 0.1."""
        if given is None:
            return None
        averaged, real, error = (number(given[name]) for name in ("averaged", "real", "error"))
        return cls(averaged, real, error, known(given["corrected"]))

    def to_json(self) -> dict[str, float | None]:
        """The scores as JSON holds them."""
        return {"averaged": self.averaged, "real": self.real, "error": self.error, "corrected": self.corrected}


@dataclass(frozen=True)
class Network:
    """A row of the leaderboard: a soup, or an ingredient. Values are the metric's own.

    Attributes:
        recipe: weight of each member, by name.
        value: on the selection data.
        promised: value of the averaged logits; that of an ingredient is its own. None where the logits of some members
            are not complete.
        gap_error: standard error of the paired difference of the two; None where it was not recorded, or is no number,
            as of a model that has diverged to an infinite perplexity.
        ahead: how much better it is than the best ingredient; None where it was not recorded.
        ahead_error: standard error of that paired difference; likewise.
        promise: the score that a soup was chosen for beside the real one; None where it was not recorded.
    """

    recipe: Mapping[str, float]
    value: float
    promised: float | None
    gap_error: float | None = None
    ahead: float | None = None
    ahead_error: float | None = None
    promise: Promise | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Network:
        """The network in a document; those of version 1 have no values apart from scores."""
        return cls(
            recipe={name: number(weight) for name, weight in given["recipe"].items()},
            value=number(given.get("value", given["score"])),
            promised=known(given.get("ensemble_value", given["ensemble"])),
            gap_error=finite(given.get("gap_error")),
            ahead=known(given.get("ahead")),
            ahead_error=finite(given.get("ahead_error")),
            promise=Promise.of(given.get("promise")),
        )

    @property
    def size(self) -> int:
        """Number of members."""
        return len(self.recipe)

    @property
    def is_soup(self) -> bool:
        """Whether it has two members or more."""
        return self.size > 1

    @property
    def is_subset(self) -> bool:
        """Whether all members have the same weight."""
        return len(set(self.recipe.values())) == 1

    @property
    def by_weight(self) -> list[tuple[str, float]]:
        """Members and weights, the largest first; equal ones in pool order."""
        return sorted(self.recipe.items(), key=lambda member: -member[1])


@dataclass(frozen=True)
class Baseline:
    """A soup that a user asks for first, such as the uniform soup.

    Attributes:
        name: of the way in which it is made.
        soup: its network; None where it failed.
        soups: real soups that it takes.
        failure: why there is none; else empty.
        tests: values on data that selected nothing, by the names of the test sets.
    """

    name: str
    soup: Network | None
    soups: int
    failure: str
    tests: Mapping[str, Interval]

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Baseline:
        """The baseline in a document."""
        soup = None if given["soup"] is None else Network.of(given["soup"])
        tests = {name: Interval.read(one) for name, one in given["tests"].items()}
        return cls(given["name"], soup, given["soups"], given["failure"], tests)

    @property
    def title(self) -> str:
        """The name as a person says it."""
        return f"{self.name} soup" if self.name in ("uniform", "greedy") else self.name


@dataclass(frozen=True)
class Unseen:
    """The winner and the best ingredient on data that selected nothing, or on the selection data if there are no other.

    Attributes:
        name: of the data, as a person calls them.
        samples: their number.
        winner, best_ingredient: values with intervals.
        control: the best ingredient with recomputed BatchNorm statistics; None where there is none.
        p_value: of the paired test of the winner and its fair comparison; None if they are one network.
        test: name of that test; of tokens it is one of samples, each of which is a text.
        selected: whether these data selected the winner.
        remarks: what to know of these numbers.
        baselines: values of other soups with intervals, by their titles.
        unit: what the samples are: `sample`, or `group` where samples come in groups.
    """

    name: str
    samples: int
    winner: Interval
    best_ingredient: Interval
    control: Interval | None
    p_value: float | None
    test: str
    selected: bool
    remarks: tuple[str, ...] = ()
    baselines: Mapping[str, Interval] = field(default_factory=dict)
    unit: str = "sample"

    @classmethod
    def of(cls, given: Mapping[str, Any], baselines: Mapping[str, Interval]) -> Unseen:
        """The comparison in a document."""
        names = {"test": "test set", "held-back": "held-back data", "selection": "selection data"}
        control, unit = Interval.of(given.get("control")), given.get("unit", "sample")
        return cls(
            name=given.get("test_set") or names.get(given["data"], given["data"]),
            samples=given["n_samples"],
            winner=Interval.read(given["winner"]),
            best_ingredient=Interval.read(given["best_ingredient"]),
            control=control,
            p_value=given["p_value"] if control is None else given.get("control_p_value"),
            test=given["test"] if unit == "group" else given["test"].removesuffix(" of groups"),
            selected=given["data"] == "selection",
            remarks=tuple(given.get("remarks", ())),
            baselines=baselines,
            unit=unit,
        )

    @property
    def near(self) -> list[Interval]:
        """The values that a picture has room for: baselines that are worse by many intervals are left out."""
        main = [one for one in (self.winner, self.best_ingredient, self.control) if one is not None]
        room = 4 * max(one.high - one.low for one in main)
        return main + [one for one in self.baselines.values() if abs(one.value - self.winner.value) <= room]

    @property
    def difference(self) -> float:
        """The winner's value minus that of its fair comparison."""
        return self.winner.value - (self.control or self.best_ingredient).value
