import numpy as np
import pytest
import torch
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, f1_score, log_loss, top_k_accuracy_score

from radin.errors import InputError
from radin.scoring import interval
from radin.scoring.metrics import METRICS, Accuracy, BalancedAccuracy, RightSamplesMetric, TopK, get_metric

#: Those that are defined for seven classes.
NAMED = sorted(METRICS.keys() - {"binary-f1"})


def sample(seed=0, m=60, c=7):
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(m, c))
    labels = rng.integers(c, size=m)
    logits[np.arange(m), labels] += 1
    return logits, labels


def test_values_are_those_of_scikit_learn():
    logits, labels = sample()
    predicted = logits.argmax(axis=1)
    chances = torch.from_numpy(logits).softmax(dim=1).numpy()
    assert get_metric("accuracy").value(logits, labels) == (predicted == labels).mean()
    assert get_metric("top5").value(logits, labels) == top_k_accuracy_score(labels, logits, k=5)
    assert np.isclose(get_metric("balanced-accuracy").value(logits, labels), balanced_accuracy_score(labels, predicted))
    assert np.isclose(get_metric("macro-f1").value(logits, labels), f1_score(labels, predicted, average="macro"))
    assert np.isclose(get_metric("nll").value(logits, labels), log_loss(labels, chances, labels=range(7)))


def test_classes_that_never_occur_count_as_scikit_learn_counts_them():
    labels = np.array([0, 0, 2, 2, 2])
    logits = np.eye(5)[[0, 1, 2, 2, 1]]
    assert get_metric("balanced-accuracy").value(logits, labels) == pytest.approx((1 / 2 + 2 / 3) / 2)
    assert get_metric("macro-f1").value(logits, labels) == pytest.approx(
        f1_score(labels, logits.argmax(axis=1), average="macro")
    )


@pytest.mark.parametrize("name", NAMED)
def test_score_is_higher_for_better_logits(name):
    logits, labels = sample()
    better = logits.copy()
    better[np.arange(len(labels)), labels] += 2
    metric = get_metric(name)
    assert metric.score(better, labels) > metric.score(logits, labels)
    assert abs(metric.score(logits, labels)) == metric.value(logits, labels)
    assert (metric.value(better, labels) > metric.value(logits, labels)) == metric.higher_is_better


@pytest.mark.parametrize("name", NAMED)
def test_numbers_per_sample_have_the_value_as_their_mean(name):
    logits, labels = sample()
    numbers = get_metric(name).per_sample(logits, labels)
    if name in ("macro-f1", "mcc", "auc"):
        assert numbers is None
    else:
        assert numbers.shape == labels.shape
        assert np.isclose(numbers.mean(), get_metric(name).value(logits, labels))


def test_ties_go_to_the_lower_class():
    logits = np.zeros((3, 7))
    labels = np.array([0, 4, 5])
    assert get_metric("accuracy").per_sample(logits, labels).tolist() == [1, 0, 0]
    assert get_metric("top5").per_sample(logits, labels).tolist() == [1, 1, 0]


def test_standard_errors():
    logits, labels = sample(m=400)
    correct = logits.argmax(axis=1) == labels
    p = (correct.sum() + 1) / 402
    accuracy = get_metric("accuracy")
    assert accuracy.standard_error(correct, labels) == pytest.approx(np.sqrt(p * (1 - p) / 402))
    assert accuracy.standard_error(np.ones(9, dtype=bool), labels[:9]) > 0
    nll = get_metric("nll")
    losses = nll.per_sample(logits, labels)
    assert nll.standard_error(losses, labels) == pytest.approx(losses.std(ddof=1) / 20)
    # in closed form and resampled: the same thing
    balanced = get_metric("balanced-accuracy")

    class Resampled(RightSamplesMetric):
        name = "resampled"
        value_of = balanced.value_of

    resampled = Resampled().standard_error(correct, labels)
    assert balanced.standard_error(correct, labels) == pytest.approx(resampled, rel=0.2)
    f1 = get_metric("macro-f1")
    predicted = f1.measure(logits, labels)
    assert f1.standard_error(predicted, labels) == f1.standard_error(predicted, labels)
    assert f1.standard_error(predicted, labels) == pytest.approx(balanced.standard_error(correct, labels), rel=0.5)


def test_top_k_of_any_k_is_that_of_scikit_learn():
    logits, labels = sample()
    for k in (1, 2, 3, 6):
        assert TopK(k).value(logits, labels) == top_k_accuracy_score(labels, logits, k=k)
    assert TopK(1).value(logits, labels) == Accuracy().value(logits, labels)


@pytest.mark.parametrize("k", [4, 5])
def test_a_k_of_at_least_the_number_of_classes_is_refused(k):
    logits, labels = sample(c=4)
    with pytest.raises(InputError, match=f"top{k} is 1 for any network with 4 classes"):
        TopK(k).value(logits, labels)
    with pytest.raises(InputError, match="at least 1, got 0"):
        TopK(0)


@pytest.mark.parametrize("metric", [Accuracy(), TopK(3), BalancedAccuracy()])
def test_counts_of_right_samples_in_groups_give_the_value(metric):
    logits, labels = sample()
    right, groups = metric.measure(logits, labels), metric.groups(labels)
    counts = np.bincount(groups, weights=right).astype(np.int64)
    assert metric.values_of_counts(np.array([counts, 0 * counts]), labels).tolist() == [metric.value(logits, labels), 0]


def test_brier_scores_are_those_of_scikit_learn():
    logits, labels = sample()
    chances = torch.from_numpy(logits).softmax(dim=1).numpy()
    brier = get_metric("brier")
    assert brier.value(logits, labels) == pytest.approx(((chances - np.eye(7)[labels]) ** 2).sum(axis=1).mean())
    two, truth = logits[:, :2], (labels > 3).astype(np.int64)
    likely = torch.from_numpy(two).softmax(dim=1).numpy()[:, 1]
    assert brier.value(two, truth) == pytest.approx(brier_score_loss(truth, likely))


def test_perplexity_is_the_exponential_of_the_mean_loss_on_resamples_too():
    logits, labels = sample()
    metric, nll = get_metric("perplexity"), get_metric("nll")
    assert metric.value(logits, labels) == pytest.approx(np.exp(nll.value(logits, labels)))
    assert metric.per_sample(logits, labels) is None and not metric.higher_is_better
    low, high = interval(metric, metric.measure(logits, labels), labels)
    mean = interval(nll, nll.measure(logits, labels), labels)
    assert low < metric.value(logits, labels) < high
    np.testing.assert_allclose((low, high), np.exp(mean), rtol=0.05)
