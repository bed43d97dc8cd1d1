"""The tempered likelihoods of many recipes are those of the metric on each one's averaged logits."""

import numpy as np
import pytest
from helpers.surrogate_oracle import bank, masks, mixtures

from radin.recipe import mixing_weights
from radin.scoring.metrics import TemperedLikelihood
from radin.scoring.surrogate.scorer import coefficients_of
from radin.scoring.surrogate.tempered_kernel import TemperedKernel


@pytest.mark.parametrize("rows", [masks, mixtures])
def test_as_the_metric_of_averaged_logits(rows) -> None:
    one, rng = bank(), np.random.default_rng(0)
    proposals = rows(rng, 40, 9)
    found = TemperedKernel(one).means(coefficients_of(proposals))
    stack = np.array([one.read(i, 0, one.n_samples) for i in range(9)], dtype=np.float64)
    for row, value in zip(mixing_weights(proposals), found, strict=True):
        assert value == pytest.approx(TemperedLikelihood().value(np.tensordot(row, stack, 1), one.labels), abs=4e-9)


def test_no_score_depends_on_the_recipes_beside_it() -> None:
    one = bank()
    proposals = coefficients_of(masks(np.random.default_rng(1), 40, 9))
    together, kernel = TemperedKernel(one).means(proposals), TemperedKernel(one)
    assert [kernel.means(row[None])[0] for row in proposals] == together.tolist()
    assert len(kernel.means(proposals[:0])) == 0
