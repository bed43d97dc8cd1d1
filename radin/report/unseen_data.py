"""The winner beside the best ingredient, on data that selected nothing wherever there are such data."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from radin.common.wording import counted
from radin.recipe import Recipe
from radin.scoring.significance import interval, paired_p_value, paired_test_name

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier

#: Under this many samples a 95 % interval of an accuracy near 0.9 is wider than 5 points.
FEW_SAMPLES = 500


@dataclass(frozen=True)
class Estimate:
    """A metric's value on some samples, with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.4f} [{self.low:.4f}, {self.high:.4f}]"


@dataclass(frozen=True)
class Report:
    """The winner beside the best ingredient, on data that selected nothing wherever there are such data.

    Attributes:
        data: `test`, `held-back`, or `selection` if there was nothing else.
        n_samples: how many samples that is.
        winner: value and interval of the winner.
        ingredient: name of the best ingredient, by the selection data.
        best_ingredient: its value and interval on the same samples.
        p_value: two-sided paired test of the two; None if the winner is that ingredient.
        test: which test that was.
        control: value and interval of the best ingredient with its BatchNorm statistics recomputed as the winner's
            were; None where none were.
        control_p_value: two-sided paired test of winner and control.
        selected_before: whether another split of the data was used in this run folder before, so that samples which
            are held back now have selected then.
        notes: what the readers of the data said of them, such as how many images were left out.
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

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it."""
        return asdict(self) | {"remarks": self.remarks}

    @property
    def rival(self) -> tuple[Estimate, float | None]:
        """What the winner is fairly compared with, and the test's p-value: the control, else the best ingredient."""
        if self.control is None:
            return self.best_ingredient, self.p_value
        return self.control, self.control_p_value

    @property
    def is_small(self) -> bool:
        """Whether the samples are so few that the interval decides little."""
        return self.n_samples < FEW_SAMPLES

    @property
    def remarks(self) -> list[str]:
        """What a reader should know before trusting these numbers."""
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
        if self.is_small:
            remarks.append(
                f"{counted(self.n_samples, 'sample is', 'samples are')} few: the interval is too wide to decide much"
            )
        return remarks


def report_on(recipe: Recipe, single: Recipe, verifier: Verifier, on: str | None = None) -> Report:
    """A recipe beside the best ingredient, on a test set, else the held-back part, else the selection data.

    A soup whose BatchNorm statistics were recomputed stands beside that ingredient with recomputed ones as well, one
    more pass: else what they gain would be taken for what averaging gains.
    """
    splits = verifier.ledger.fact("splits", [])
    split = [float(verifier.task.holdback), int(verifier.task.split_seed)]
    if split not in splits:
        verifier.ledger.set_fact("splits", [*splits, split])
    data, labels, ours = verifier.unseen_logits(recipe, on)
    _, _, theirs = verifier.unseen_logits(single, on)
    metric = verifier.task.scored_by
    mine, other = metric.measure(ours, labels), metric.measure(theirs, labels)

    def estimate(measured: Any) -> Estimate:
        return Estimate(metric.value_of(measured, labels), *interval(metric, measured, labels))

    alike = None
    if recipe.size > 1 and verifier.evaluator.recomputes:
        alike = metric.measure(verifier.unseen_logits(single, on, control=True)[2], labels)
    return Report(
        data=data,
        n_samples=len(labels),
        winner=estimate(mine),
        ingredient=single.member_names[0],
        best_ingredient=estimate(other),
        p_value=None if recipe == single else paired_p_value(metric, mine, other, labels),
        test=paired_test_name(metric),
        control=None if alike is None else estimate(alike),
        control_p_value=None if alike is None else paired_p_value(metric, mine, alike, labels),
        selected_before=any(one != split for one in splits),
        notes=verifier.evaluator.networks.remarks
        + tuple(f"{rows.what}: {note}" for rows in verifier.task.rows_of(on) for note in rows.remarks),
    )


def control_score(single: Recipe, verifier: Verifier) -> float:
    """The metric of an ingredient with recomputed BatchNorm statistics, on the selection data."""
    logits = verifier.selection_logits(single, control=True)
    return verifier.task.scored_by.value(logits, verifier.bank.labels)
