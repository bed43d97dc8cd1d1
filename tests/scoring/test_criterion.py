"""A criterion is a smooth relative of the metric where there is one, else the metric itself."""

import numpy as np
import pytest

from radin.errors import InputError
from radin.scoring.criterion import behind, check_criterion, chosen_name, criterion_name, criterion_of
from radin.scoring.criterion_default import CRITERIA, CRITERION
from radin.scoring.metrics import NegativeLogLikelihood, TemperedLikelihood, get_metric
from radin.scoring.significance import paired_error


@pytest.mark.parametrize("metric", ["accuracy", "top5", "top3", "balanced-accuracy", "macro-f1"])
@pytest.mark.parametrize(("name", "kind"), [("likelihood", NegativeLogLikelihood), ("tempered", TemperedLikelihood)])
def test_metrics_of_right_samples_have_a_relative(metric: str, name: str, kind: type) -> None:
    own = get_metric(metric)
    assert isinstance(criterion_of(name, own), kind)
    assert criterion_name(criterion_of(name, own), own) == name
    assert criterion_of("metric", own) is own
    assert criterion_name(get_metric(metric), own) == "metric"


def test_one_se_ranks_by_the_tempered_likelihood() -> None:
    own = get_metric("accuracy")
    assert isinstance(criterion_of("one-se", own), TemperedLikelihood)
    assert chosen_name("one-se", own) == "one-se"
    assert chosen_name("one-se", get_metric("nll")) == "metric"


@pytest.mark.parametrize("groups", [None, np.arange(100) // 5])
def test_behind_is_more_than_one_paired_error_below_the_best(groups: np.ndarray | None) -> None:
    """Network 0 has 90 of 100 right; the others miss as many more as their number says, and have `same` fewer wrong."""
    metric, labels = get_metric("accuracy"), np.zeros(100, dtype=np.int64)
    right = np.ones((4, 100), dtype=bool)
    right[0, :10] = False
    right[1, :11] = False  # 1 more wrong: error √2 / 100 without groups
    right[2, :16] = False  # 6 more wrong: error √7 / 100
    right[3, 10:90:2] = False  # 40 wrong on other samples
    scores = right.mean(axis=1).tolist()
    beaten = behind(metric, scores, lambda i: right[i], labels, groups)
    errors = [paired_error(metric, right[0], one, labels, groups=groups) for one in right]
    assert beaten.tolist() == [scores[0] - score > error for score, error in zip(scores, errors, strict=True)]
    assert beaten[0] == np.False_ and beaten[2:].all()
    if groups is None:
        assert errors[1:3] == pytest.approx([2**0.5 / 100, 7**0.5 / 100])
        assert not beaten[1]


def margin(logits: np.ndarray, labels: np.ndarray) -> np.ndarray:
    return logits[np.arange(len(labels)), labels] - logits.mean(axis=1)


@pytest.mark.parametrize("metric", ["nll", margin])
@pytest.mark.parametrize("name", CRITERIA)
def test_other_metrics_are_their_own_criterion(metric: object, name: str) -> None:
    own = get_metric(metric)
    assert criterion_of(name, own) is own
    assert criterion_name(get_metric(metric), own) == "metric"


@pytest.mark.parametrize("name", ["likelyhood", "", None, 3])
def test_an_unknown_criterion_is_refused(name: object) -> None:
    with pytest.raises(InputError, match=r"unknown criterion .*known are metric, likelihood, tempered"):
        check_criterion(name)
    assert check_criterion(CRITERION) == CRITERION


def test_a_near_name_is_suggested() -> None:
    with pytest.raises(InputError, match="did you mean 'likelihood'"):
        check_criterion("likelyhood")
