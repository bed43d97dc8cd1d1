"""Metrics made of counts are those of scikit-learn and torchmetrics."""

import numpy as np
import pytest
import torch
import torchmetrics.functional.classification as tm
from sklearn import metrics as sk

from radin.errors import InputError
from radin.scoring.kinds import KINDS
from radin.scoring.metrics import get_metric
from radin.scoring.metrics.base import Metric
from radin.scoring.metrics.counts import BinaryF1, ClassCountsMetric, Counts, MacroF1, Matthews, MeanIoU

SEVERAL, POSITIONS = KINDS["several-labels"], KINDS["positions"]


def classes(m=60, c=4, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(c, size=m)
    return rng.normal(size=(m, c)) + np.eye(c)[labels], labels


def several(m=60, labels=5, seed=0):
    rng = np.random.default_rng(seed)
    true = (rng.random((m, labels)) < [0.1, 0.3, 0.5, 0.7, 0.4][:labels]).astype(np.int64)
    return rng.normal(size=true.shape) + 2 * true - 1, true


def test_metrics_of_classes_are_those_of_scikit_learn():
    logits, labels = classes()
    predicted = logits.argmax(axis=1)
    assert get_metric("mcc").value(logits, labels) == pytest.approx(sk.matthews_corrcoef(labels, predicted))
    assert get_metric("miou", POSITIONS).value(logits, labels) == pytest.approx(
        sk.jaccard_score(labels, predicted, average="macro")
    )
    two, truth = classes(c=2)
    assert get_metric("binary-f1").value(two, truth) == pytest.approx(sk.f1_score(truth, two.argmax(axis=1)))
    assert get_metric("mcc").value(np.zeros_like(two), truth) == 0
    with pytest.raises(InputError, match="binary-f1 is for 2 classes, and there are 4; choose macro-f1"):
        get_metric("binary-f1").value(logits, labels)


def test_a_class_that_is_nowhere_counts_nowhere():
    logits, labels = classes(c=3)
    wide = np.concatenate([logits, np.full((len(logits), 1), -9.0)], axis=1)
    assert get_metric("miou", POSITIONS).value(wide, labels) == get_metric("miou", POSITIONS).value(logits, labels)
    assert get_metric("macro-f1").value(wide, labels) == get_metric("macro-f1").value(logits, labels)


def test_metrics_of_several_labels_are_those_of_scikit_learn():
    logits, true = several()
    predicted = logits > 0
    for name, expected in {
        "macro-f1": sk.f1_score(true, predicted, average="macro"),
        "micro-f1": sk.f1_score(true, predicted, average="micro"),
        "subset-accuracy": sk.accuracy_score(true, predicted),
        "accuracy": 1 - sk.hamming_loss(true, predicted),
        "nll": float(
            torch.nn.functional.binary_cross_entropy_with_logits(torch.tensor(logits), torch.tensor(true * 1.0))
        ),
    }.items():
        metric = get_metric(name, SEVERAL)
        assert metric.value(logits, true) == pytest.approx(expected), name
        numbers = metric.per_sample(logits, true)
        assert numbers is None if name.endswith("f1") else numbers.mean() == pytest.approx(expected)


def test_a_label_that_is_nowhere_counts_as_the_libraries_have_it():
    logits, true = several()
    true[:, 0], logits[:, 0] = 0, -1
    expected = tm.multilabel_f1_score(torch.tensor(logits > 0).float(), torch.tensor(true), 5, average="macro")
    assert get_metric("macro-f1", SEVERAL).value(logits, true) == pytest.approx(float(expected))


@pytest.mark.parametrize("name", ["mcc", "macro-f1", "miou"])
def test_counts_of_groups_add_up_to_those_of_all(name):
    logits, labels = classes()
    metric = get_metric(name, POSITIONS)
    statistics, groups = metric.measure(logits, labels), np.arange(60) % 7
    sums = metric.group_sums(statistics, labels, groups, 7)
    assert metric.of_sums(sums.sum(axis=0)) == pytest.approx(metric.value(logits, labels))
    part = groups == 3
    assert Counts.of(sums[3]).rows == part.sum()
    assert Counts.of(sums[3]).right.sum() == (statistics == labels)[part].sum()


def test_counts_of_labels_in_groups_add_up_too():
    logits, true = several()
    metric, groups = get_metric("macro-f1", SEVERAL), np.arange(60) // 20
    sums = metric.group_sums(metric.measure(logits, true), true, groups, 3)
    assert Counts.of(sums[1]).occurring.tolist() == true[20:40].sum(axis=0).tolist()
    assert metric.of_sums(sums.sum(axis=0)) == pytest.approx(metric.value(logits, true))


def test_two_networks_have_counts_of_the_same_classes():
    labels = np.array([0, 1, 0])
    ours, theirs = get_metric("macro-f1").paired_sums(np.array([0, 1, 0]), np.array([0, 1, 4]), labels, np.arange(3), 3)
    assert ours.shape == theirs.shape == (3, 3 * 5 + 1)


@pytest.mark.parametrize(("metric", "classes"), [(BinaryF1(), 2), (MacroF1(), 17), (Matthews(), 9), (MeanIoU(), 5)])
def test_many_resamples_at_once_have_the_values_of_one_after_the_other(metric: ClassCountsMetric, classes: int) -> None:
    rng = np.random.default_rng(classes)
    labels = rng.integers(classes, size=40)  # so few that the last class is in some resamples alone
    predicted = np.where(rng.random(40) < 0.6, labels, rng.integers(classes, size=40))
    assert (
        metric.resampled(predicted, labels, 60, 3).tolist()
        == Metric.resampled(metric, predicted, labels, 60, 3).tolist()
    )
