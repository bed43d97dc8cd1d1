"""A bank of several labels as one of two classes, a row for each decision."""

import numpy as np
import pytest
from helpers.surrogate_oracle import several_labels

from radin.scoring.kinds import KINDS
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.decision_bank import DecisionBank

N, M, L = 6, 70, 4


def test_losses_are_means_over_decisions():
    given = several_labels()
    surrogate, kind = Surrogate(given, "macro-f1"), KINDS["several-labels"]
    average = np.mean([given.logits(i) for i in range(N)], axis=0)
    expected = kind.losses(average, given.labels).mean()
    everything = np.ones((1, N), dtype=bool)
    assert surrogate.tie_break(everything)[0] == pytest.approx(expected, abs=1e-5)
    assert surrogate.loss_and_gradient(np.full(N, 1 / N))[0] == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize(("start", "stop"), [(0, M * L), (3, 9), (5, 5), (4, 8), (M * L - 1, M * L)])
def test_rows_are_decisions_in_the_order_of_samples(start, stop):
    given = several_labels()
    view = DecisionBank(given)
    np.testing.assert_array_equal(view.labels, given.labels.reshape(-1))
    expected = given.logits(2).reshape(-1)[start:stop]
    np.testing.assert_array_equal(view.read(2, start, stop), np.stack([np.zeros_like(expected), expected], axis=1))
