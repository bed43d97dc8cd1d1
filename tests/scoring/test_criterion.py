"""A criterion is a smooth relative of the metric where there is one, else the metric itself."""

import numpy as np
import pytest

from radin.errors import InputError
from radin.scoring.criterion import check_criterion, criterion_name, criterion_of
from radin.scoring.criterion_default import CRITERIA, CRITERION
from radin.scoring.metrics import NegativeLogLikelihood, TemperedLikelihood, get_metric


@pytest.mark.parametrize("metric", ["accuracy", "top5", "top3", "balanced-accuracy", "macro-f1"])
@pytest.mark.parametrize(("name", "kind"), [("likelihood", NegativeLogLikelihood), ("tempered", TemperedLikelihood)])
def test_metrics_of_right_samples_have_a_relative(metric: str, name: str, kind: type) -> None:
    own = get_metric(metric)
    assert isinstance(criterion_of(name, own), kind)
    assert criterion_name(criterion_of(name, own), own) == name
    assert criterion_of("metric", own) is own
    assert criterion_name(get_metric(metric), own) == "metric"


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
