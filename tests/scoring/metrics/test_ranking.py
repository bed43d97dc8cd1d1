"""Areas under curves are those of scikit-learn."""

import numpy as np
import pytest
from sklearn import metrics as sk

from radin.errors import InputError
from radin.scoring.kinds import KINDS
from radin.scoring.metrics import get_metric
from radin.scoring.significance import interval

SEVERAL = KINDS["several-labels"]


def sample(c, m=70):
    rng = np.random.default_rng(c)
    labels = rng.integers(c, size=m)
    return np.round(rng.normal(size=(m, c)) + np.eye(c)[labels], 1), labels  # rounded: some are equal


def test_areas_are_those_of_scikit_learn():
    two, labels = sample(2)
    auc = get_metric("auc")
    assert auc.value(two, labels) == pytest.approx(sk.roc_auc_score(labels, two[:, 1] - two[:, 0]))
    four, labels = sample(4)
    chances = np.exp(four) / np.exp(four).sum(axis=1, keepdims=True)
    assert auc.value(four, labels) == pytest.approx(sk.roc_auc_score(labels, chances, multi_class="ovr"))
    true = np.eye(4, dtype=np.int64)[labels]
    assert get_metric("auc", SEVERAL).value(four, true) == pytest.approx(sk.roc_auc_score(true, four))
    assert get_metric("map", SEVERAL).value(four, true) == pytest.approx(sk.average_precision_score(true, four))


def test_columns_without_both_truths_are_left_out():
    logits, labels = sample(3)
    true = np.eye(3, dtype=np.int64)[labels]
    wide = np.concatenate([true, np.zeros((70, 1), dtype=np.int64)], axis=1)
    scores = np.concatenate([logits, np.ones((70, 1))], axis=1)
    assert get_metric("map", SEVERAL).value(scores, wide) == get_metric("map", SEVERAL).value(logits, true)
    with pytest.raises(InputError, match="auc is undefined: all 70 samples have the same labels"):
        get_metric("auc").value(logits[:, :2], np.zeros(70, dtype=np.int64))


def test_an_interval_holds_its_value():
    logits, labels = sample(2)
    measured = get_metric("auc").measure(logits, labels)
    low, high = interval(get_metric("auc"), measured, labels)
    assert low < get_metric("auc").value_of(measured, labels) < high
