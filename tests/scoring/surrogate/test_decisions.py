"""Decisions are counted exactly, and their losses are those of the averaged logits."""

import numpy as np
import pytest

from radin.scoring.kinds import KINDS
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import get_metric
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.decisions import DecisionBank

N, M, L = 6, 70, 4


def bank():
    rng = np.random.default_rng(0)
    labels = (rng.random((M, L)) < 0.4).astype(np.int64)
    logits = rng.integers(-3, 4, size=(N, M, L)) + 2 * labels - 1  # whole numbers: many averages are exactly 0
    return LogitBank.from_arrays(logits.astype(np.float32), labels, outputs="several-labels")


@pytest.mark.parametrize("name", ["macro-f1", "micro-f1", "accuracy", "subset-accuracy", "map", "auc", "nll"])
def test_scores_are_those_of_averaged_logits(name):
    given = bank()
    surrogate, rng = Surrogate(given, name), np.random.default_rng(1)
    masks = rng.random((50, N)) < 0.5
    masks[~masks.any(axis=1), 0] = True
    metric, logits = get_metric(name, KINDS["several-labels"]), np.stack([given.logits(i) for i in range(N)])
    expected = [metric.score(logits[mask].sum(axis=0, dtype=np.float64) / mask.sum(), given.labels) for mask in masks]
    np.testing.assert_allclose(surrogate(masks), expected, rtol=1e-5 if name == "nll" else 1e-12)
    flipped = masks[0] ^ np.eye(N, dtype=bool)
    np.testing.assert_allclose(surrogate.neighbours(masks[0]), surrogate(flipped), rtol=1e-12)


def test_losses_are_means_over_decisions():
    given = bank()
    surrogate, kind = Surrogate(given, "macro-f1"), KINDS["several-labels"]
    average = np.mean([given.logits(i) for i in range(N)], axis=0)
    expected = kind.losses(average, given.labels).mean()
    everything = np.ones((1, N), dtype=bool)
    assert surrogate.tie_break(everything)[0] == pytest.approx(expected, abs=1e-5)
    assert surrogate.loss_and_gradient(np.full(N, 1 / N))[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("start", "stop"), [(0, M * L), (3, 9), (5, 5), (4, 8), (M * L - 1, M * L)])
def test_rows_are_decisions_in_the_order_of_samples(start, stop):
    given = bank()
    view = DecisionBank(given)
    np.testing.assert_array_equal(view.labels, given.labels.reshape(-1))
    expected = given.logits(2).reshape(-1)[start:stop]
    np.testing.assert_array_equal(view.read(2, start, stop), np.stack([np.zeros_like(expected), expected], axis=1))
