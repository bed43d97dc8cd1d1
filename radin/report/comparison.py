"""Comparison of the winner with the best ingredient, on data that selected nothing where available."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Int64

from radin.common.wording import counted, decimal
from radin.recipe import Recipe
from radin.scoring.metrics import Labels, Metric
from radin.scoring.significance import interval, paired_p_value, paired_test_name

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier

#: Under this many samples a 95 % interval of an accuracy near 0.9 is wider than 5 points.
FEW_SAMPLES = 500

#: Least two-sided p-value of the paired test for which a difference is called noise: the custom of the field.
NOISE = 0.05


@dataclass(frozen=True)
class Estimate:
    """A metric's value on some samples, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{decimal(self.value)} [{decimal(self.low)}, {decimal(self.high)}]"


@dataclass(frozen=True)
class Comparison:
    """Comparison of the winner with the best ingredient, on data that selected nothing where available.

    Attributes:
        data: `test`, `held-back`, or `selection` if there was nothing else.
        n_samples: the number of samples; of groups, where samples come in groups.
        winner: value and interval of the winner.
        ingredient: name of the best ingredient, by the selection data.
        best_ingredient: its value and interval on the same samples.
        p_value: two-sided paired test of the two; None if the winner is that ingredient.
        test: the name of that test.
        control: value and interval of the best ingredient with its BatchNorm statistics recomputed as the winner's
            were; None where none were.
        control_p_value: two-sided paired test of winner and control.
        selected_before: whether another split of the data was used in this run folder before, so that samples which
            are held back now have selected then.
        notes: remarks of the readers of the data, such as the number of images that were left out.
        higher_is_better: whether a larger value of the metric is better.
        test_set: the name of the test set, where there are several; else empty.
        unit: `sample`, or `group` where samples come in groups.
    """

    data: Literal["test", "held-back", "selection"]
    n_samples: int
    winner: Estimate
    ingredient: str
    best_ingredient: Estimate
    p_value: float | None
    test: str
    control: Estimate | None = None
    control_p_value: float | None = None
    selected_before: bool = False
    notes: tuple[str, ...] = ()
    higher_is_better: bool = True
    test_set: str = field(default="", compare=False)
    unit: Literal["sample", "group"] = "sample"

    def to_json(self) -> dict[str, Any]:
        """All fields and the remarks as JSON holds them."""
        return asdict(self) | {"remarks": self.remarks}

    @property
    def rival(self) -> tuple[Estimate, float | None]:
        """The fair comparison for the winner, and the test's p-value: the control, else the best ingredient."""
        if self.control is None:
            return self.best_ingredient, self.p_value
        return self.control, self.control_p_value

    @property
    def difference(self) -> float:
        """The winner's value minus its rival's."""
        return self.winner.value - self.rival[0].value

    @property
    def is_noise(self) -> bool:
        """Whether the difference from the rival is no more than noise."""
        p_value = self.rival[1]
        return p_value is None or p_value >= NOISE

    @property
    def confirms(self) -> bool:
        """Whether data that selected nothing show the winner to be better than its rival."""
        better = (self.difference > 0) == self.higher_is_better
        return self.data != "selection" and not self.is_noise and better

    @property
    def where(self) -> str:
        """The data, in words."""
        if self.test_set:
            return f"the test set {self.test_set}"
        return {"test": "the test set", "held-back": "the held-back data", "selection": "the selection data"}[self.data]

    @property
    def is_small(self) -> bool:
        """Whether the samples are so few that the interval decides little."""
        return self.n_samples < FEW_SAMPLES

    @property
    def remarks(self) -> list[str]:
        """Remarks on the reliability of these numbers."""
        remarks = list(self.notes)
        if self.data == "selection":
            remarks.append(
                "these are the data that selected the winner, so its score is a little too good; "
                "give a test set, or hold some data back"
            )
        if self.selected_before and self.data == "held-back":
            remarks.append(
                "another split was used in this run folder before, so some of these samples have selected then"
            )
        if self.n_samples == 1:
            remarks.append(
                f"{self.where} are one {self.unit} alone, whose parts depend on one another, so interval and p-value "
                "tell nothing"
            )
        elif self.is_small:
            remarks.append(
                f"{counted(self.n_samples, self.unit + ' is', self.unit + 's are')} few: the interval is too wide to "
                "decide much"
            )
        return remarks


def compare(winner: Recipe, single: Recipe, verifier: Verifier, on: str | None = None) -> Comparison:
    """Compares a winner with the best ingredient on a test set, else the held-back part, else the selection data.

    A soup whose BatchNorm statistics were recomputed is also compared with that ingredient with recomputed statistics,
    to tell the gain of averaging from the gain of recomputing. Networks that were not run on these data yet are run,
    one charged pass each.

    Arguments:
        winner: the recipe that leads on the selection data.
        single: the best ingredient on these.
        verifier: runs the networks.
        on: the name of a test set; the first by default.
    """
    task, metric = verifier.task, verifier.task.scored_by
    data, labels, ours = verifier.unseen_logits(winner, on)
    groups = verifier.unseen_groups(on)
    _, _, theirs = verifier.unseen_logits(single, on)
    mine, other = metric.measure(ours, labels), metric.measure(theirs, labels)

    alike = None
    if winner.size > 1 and verifier.recomputes:
        alike = metric.measure(verifier.unseen_logits(single, on, statistics="recomputed")[2], labels)
    return Comparison(
        data=data,
        n_samples=len(labels) if groups is None else len(np.unique(groups)),
        unit="sample" if task.rows.groups is None else "group",
        winner=estimate_of(metric, mine, labels, groups),
        ingredient=single.member_names[0],
        best_ingredient=estimate_of(metric, other, labels, groups),
        p_value=None if winner == single else paired_p_value(metric, mine, other, labels, groups=groups),
        test=paired_test_name(metric, groups),
        control=None if alike is None else estimate_of(metric, alike, labels, groups),
        control_p_value=None if alike is None else paired_p_value(metric, mine, alike, labels, groups=groups),
        selected_before=verifier.folder.selected_otherwise(task.holdback, task.split_seed),
        notes=verifier.remarks + tuple(f"{rows.what}: {note}" for rows in task.rows_of(on) for note in rows.remarks),
        higher_is_better=metric.higher_is_better,
        test_set=on if on is not None and len(task.tests) > 1 else "",
    )


def estimate_of(
    metric: Metric, measured: Any, labels: Labels, groups: Int64[np.ndarray, " m"] | None = None
) -> Estimate:
    """A metric's value and interval.

    Arguments:
        metric: the metric.
        measured: what it has measured of some logits.
        labels: of the same rows.
        groups: the number of each row's group; None where each is a group of its own.
    """
    return Estimate(metric.value_of(measured, labels), *interval(metric, measured, labels, groups=groups))


def control_value(single: Recipe, verifier: Verifier) -> float:
    """The metric's value of an ingredient with recomputed BatchNorm statistics, on the selection data."""
    logits = verifier.selection_logits(single, statistics="recomputed")
    return verifier.task.scored_by.value(logits, verifier.bank.labels)
