"""Metrics of probabilities have the values of scikit-learn, and of logits where both say the same."""

import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, log_loss, roc_auc_score

from radin.scoring import get_metric, interval, paired_p_value
from radin.scoring.kinds import CLASSES, PROBABILITIES
from radin.scoring.metrics import names_of


def sample(c: int, m: int = 80) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(c)
    logits, labels = rng.normal(size=(m, c)), rng.integers(c, size=m)
    logits[np.arange(m), labels] += 1
    powers = np.exp(logits)
    return logits, powers / powers.sum(axis=1, keepdims=True), labels


def test_values_are_those_of_scikit_learn() -> None:
    _, chances, labels = sample(2)
    assert get_metric("nll", PROBABILITIES).value(chances, labels) == pytest.approx(log_loss(labels, chances))
    assert get_metric("brier", PROBABILITIES).value(chances, labels) == pytest.approx(
        brier_score_loss(labels, chances[:, 1])
    )
    assert get_metric("auc", PROBABILITIES).value(chances, labels) == pytest.approx(
        roc_auc_score(labels, chances[:, 1])
    )


@pytest.mark.parametrize("name", names_of(PROBABILITIES))
def test_of_one_network_logits_and_probabilities_say_the_same(name: str) -> None:
    logits, chances, labels = sample(2 if name == "binary-f1" else 7)
    of_logits, of_chances = get_metric(name, CLASSES), get_metric(name, PROBABILITIES)
    assert of_chances.value(chances, labels) == pytest.approx(of_logits.value(logits, labels))
    assert of_chances.name == name and of_chances.higher_is_better == of_logits.higher_is_better


@pytest.mark.parametrize("name", ["accuracy", "brier", "nll", "macro-f1"])  # a proportion, two means, and a whole
def test_noise_is_that_of_logits_too(name: str) -> None:
    logits, chances, labels = sample(7)
    of_logits, of_chances = get_metric(name, CLASSES), get_metric(name, PROBABILITIES)
    ours, theirs = (of_chances.measure(one, labels) for one in (chances, chances[::-1]))
    found = interval(of_chances, ours, labels)
    assert found == pytest.approx(interval(of_logits, of_logits.measure(logits, labels), labels))
    assert 0 < paired_p_value(of_chances, ours, theirs, labels) <= 1
