"""What is told of dropped ingredients has a unit and a reason."""

import numpy as np
import pytest

from radin.evaluation.judging import judged_by
from radin.evaluation.stages import Dropped
from radin.report.drops import Drops, behind
from radin.scoring import lower_is_better
from radin.scoring.kinds import CLASSES, Values
from radin.scoring.metrics import get_metric

ONE = Dropped("a", rows=200, value=0.5, score=-0.7, behind=0.25, error=0.1, chosen=0, selections=16)


def test_the_difference_of_likelihoods_is_in_nats_and_the_reason_is_given() -> None:
    drops = Drops([ONE.to_json(), ONE.to_json()])
    assert drops.heading == "nats behind the best"
    assert drops.reason == (
        "They could no longer matter: on the samples that each ran on, each was behind the best ingredient by the mean "
        "log-likelihood of the labels, in nats, and none of 16 stepwise selections on random halves of these samples "
        "took it into a soup."
    )
    assert behind(ONE.to_json()) == ("0.25", "2.5")
    assert behind(ONE.to_json() | {"error": 0.0}) == ("0.25", "–")
    assert (
        ONE.why
        == "0.25 nats of log-likelihood behind the best, 2.5 standard errors; none of 16 stepwise selections took it"
    )


def test_one_that_was_taken_too_seldom_is_said_to_be_so() -> None:
    drops = Drops([ONE.to_json() | {"chosen": 1}])
    assert drops.were_chosen
    assert drops.reason.startswith("It could no longer matter: on the samples that it ran on, it was behind")
    assert "too few of 16 stepwise selections" in drops.reason


def test_entries_of_earlier_versions_have_no_unit() -> None:
    known = ONE.to_json()
    del known["judged_by"]
    drops = Drops([known])
    assert drops.heading == "behind the best"
    assert "behind the best ingredient, and none of 16" in drops.reason


@lower_is_better
def misses(outputs: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Wrong ones."""
    return outputs.argmax(axis=1) != labels


@pytest.mark.parametrize(
    ("metric", "kind", "name", "heading"),
    [
        ("accuracy", CLASSES, "log-likelihood", "nats behind the best"),
        ("nll", CLASSES, "log-likelihood", "nats behind the best"),
        ("mse", Values(), "squared error", "squared error behind the best"),
        (misses, CLASSES, "misses", "misses behind the best"),
    ],
)
def test_what_was_compared_depends_on_metric_and_outputs(metric, kind, name: str, heading: str) -> None:
    assert judged_by(get_metric(metric, kind), kind) == name
    assert Drops([ONE.to_json() | {"judged_by": name}]).heading == heading
