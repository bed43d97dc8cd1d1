"""Right samples and right decisions are counted exactly."""

import numpy as np
import pytest
from helpers.surrogate_oracle import several_labels

from radin.scoring.kinds import KINDS
from radin.scoring.metrics import get_metric
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.counting_scorers import DecisionsScorer
from radin.scoring.surrogate.kernels import Kernels

N, M, L = 6, 70, 4


@pytest.mark.parametrize("name", ["macro-f1", "micro-f1", "accuracy", "subset-accuracy", "map", "auc", "nll"])
def test_scores_are_those_of_averaged_logits(name):
    given = several_labels()
    surrogate, rng = Surrogate(given, name), np.random.default_rng(1)
    masks = rng.random((50, N)) < 0.5
    masks[~masks.any(axis=1), 0] = True
    metric, logits = get_metric(name, KINDS["several-labels"]), np.stack([given.logits(i) for i in range(N)])
    expected = [metric.score(logits[mask].sum(axis=0, dtype=np.float64) / mask.sum(), given.labels) for mask in masks]
    np.testing.assert_allclose(surrogate(masks), expected, rtol=1e-5 if name == "nll" else 1e-12)
    flipped = masks[0] ^ np.eye(N, dtype=bool)
    np.testing.assert_allclose(surrogate.neighbours(masks[0]), surrogate(flipped), rtol=1e-12)


def test_cells_are_labels_that_are_not_true_and_that_are():
    given, everything = several_labels(), np.ones((1, N), dtype=bool)
    scorer = DecisionsScorer(get_metric("macro-f1", KINDS["several-labels"]), Kernels(given))
    predicted = np.mean([given.logits(i) for i in range(N)], axis=0, dtype=np.float64) > 0
    right = predicted == (given.labels == 1)
    expected = [(right[:, label] & (given.labels[:, label] == true)).sum() for label in range(L) for true in (0, 1)]
    assert scorer.kernel.hits(everything)[0].tolist() == expected
