"""Columns of several labels in another order than the labels are found by the areas under their ROC curves."""

import numpy as np
import pytest

import radin
from radin.report.column_order import areas, exchanged_columns
from radin.report.unseen import findings_on_one
from radin.scoring.metrics import get_metric


def drawn(m: int, n_labels: int, sure: float, seed: int = 0, alike: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Logits that know labels more or less well; `alike` of the labels are copies of their neighbours'."""
    rng = np.random.default_rng(seed)
    labels = (rng.random((m, n_labels)) < rng.uniform(0.1, 0.5, n_labels)).astype(np.int64)
    labels[:, 1::2] = np.where(rng.random((m, 1)) < alike, labels[:, :-1:2], labels[:, 1::2])
    biases = rng.normal(scale=3, size=n_labels)
    return (sure * labels + rng.normal(size=(m, n_labels)) + biases).astype(np.float32), labels


def test_areas_are_those_of_scikit_learn() -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    logits, labels = drawn(200, 4, 1.0)
    logits = logits.round(0)  # with ties
    expected = [[metrics.roc_auc_score(labels[:, i], logits[:, j]) for j in range(4)] for i in range(4)]
    assert areas(logits, labels) == pytest.approx(np.array(expected))


@pytest.mark.parametrize("order", [[1, 0, 2, 3, 4, 5], [0, 3, 2, 5, 4, 1], [5, 4, 3, 2, 1, 0]])
def test_exchanged_columns_are_named(order: list[int]) -> None:
    logits, labels = drawn(600, 6, 1.8)
    found = exchanged_columns(logits, labels[:, np.argsort(order)])
    assert found is not None
    assert found.label_of.tolist() == order
    assert found.before < 0.6
    assert found.after > 0.85


@pytest.mark.parametrize("m", [2, 30, 300, 2000])
@pytest.mark.parametrize("sure", [0.0, 0.5, 2.0])
@pytest.mark.parametrize("alike", [0.0, 0.9])
def test_sound_and_weak_networks_are_left_alone(m: int, sure: float, alike: float) -> None:
    for seed in range(5):
        assert exchanged_columns(*drawn(m, 6, sure, seed, alike)) is None


def test_rows_of_one_group_count_once() -> None:
    logits, labels = drawn(600, 6, 1.8)
    assert exchanged_columns(logits, labels[:, [1, 0, 2, 3, 4, 5]], np.arange(600) // 60) is None


def test_a_ranking_and_a_test_set_say_it() -> None:
    made = [drawn(600, 6, sure) for sure in (0.2, 1.8)]  # of one seed, so of the same labels
    logits, labels = [one for one, _ in made], made[0][1]
    turned = labels[:, [1, 0, 2, 3, 4, 5]]
    bank = radin.LogitBank.from_arrays(logits, turned, ["weak", "best"], outputs="several-labels")
    found = radin.rank(bank).findings[0]
    assert found.kind == "exchanged"
    said = (
        "utputs 0 and 1 seem to stand for each other's labels: output 0 for label 1, output 1 for label 0. In that "
        "order best would have a mean area under the ROC curve of 0."
    )
    assert found.text.startswith("O" + said)
    (tested,) = findings_on_one("the test set", bank, get_metric("macro-f1", bank.kind), None, (0.8, 0.4))
    assert tested.text.startswith("On the test set o" + said)
    assert tested.text.endswith("Mend the order of the columns of the labels of the test set.")
    sound = radin.LogitBank.from_arrays(logits, labels, ["weak", "best"], outputs="several-labels")
    assert "exchanged" not in [one.kind for one in radin.rank(sound).findings]
