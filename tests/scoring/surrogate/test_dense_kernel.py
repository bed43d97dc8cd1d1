"""Kernels that average all logits, against rational arithmetic and plain numpy."""

import numpy as np
import pytest
from helpers.metrics import AllPredictions
from helpers.surrogate_oracle import CASES, SHAPES, bank, hard, masks, mixtures, predictions

from radin.scoring.likelihood import losses
from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.dense_kernel import RECIPE_BLOCK, DenseKernel, read_block, recipe_blocks, sample_blocks


@pytest.mark.parametrize("shape", SHAPES[1:3], ids=str)
@pytest.mark.parametrize(("name", "dtype"), CASES)
def test_predictions_are_those_of_real_arithmetic(name, dtype, shape):
    rng, logits, labels = hard(name, dtype, shape)
    rows = masks(rng, 6, shape[0])
    found = Surrogate(LogitBank.from_arrays(logits, labels), AllPredictions()).metric_scores(rows)
    assert found.tolist() == (predictions(logits, rows) @ 8.0 ** np.arange(shape[1])).tolist()


def stacked(logits):
    return np.stack([logits.logits(i) for i in range(len(logits))]).astype(np.float64)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_averages_and_losses_are_those_of_plain_numpy(dtype, device):
    logits = bank(dtype=dtype)
    kernel, weights = DenseKernel(logits, device), mixtures(np.random.default_rng(0), 40, 9)
    means = np.einsum("kn,nmc->kmc", weights, stacked(logits))
    np.testing.assert_allclose(kernel.average(weights[0] * 7), means[0], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(
        kernel.mean_losses(weights), [losses(one, logits.labels).mean() for one in means], rtol=1e-12
    )


def test_the_gradient_is_the_slope_of_the_loss(device):
    logits = bank()
    kernel, weights = DenseKernel(logits, device), np.random.default_rng(0).dirichlet(np.ones(9))

    def loss(at):
        return losses(np.einsum("n,nmc->mc", at, stacked(logits)), logits.labels).mean()

    value, slope = kernel.gradient(weights)
    assert value == pytest.approx(loss(weights), rel=1e-12)
    steps = 1e-5 * np.eye(9)
    np.testing.assert_allclose(slope, [(loss(weights + s) - loss(weights - s)) / 2e-5 for s in steps], atol=1e-8)


def test_blocks_cover_all_samples_and_recipes():
    logits = bank(n=3, m=50, c=4)
    blocks = list(sample_blocks(logits, values=3 * 4 * 7))
    assert [stop - start for start, stop in blocks] == [7] * 7 + [1]
    assert list(sample_blocks(logits, values=1, span=(4, 6))) == [(4, 5), (5, 6)]
    np.testing.assert_array_equal(
        np.concatenate([read_block(logits, *block) for block in blocks], axis=1), stacked(logits)
    )
    rows = mixtures(np.random.default_rng(0), 70, 3)
    parts = list(recipe_blocks(rows))
    assert all(part.shape == (RECIPE_BLOCK, 3) for _, part in parts)
    np.testing.assert_array_equal(np.concatenate([part[: s.stop - s.start] for s, part in parts]), rows)
    assert not parts[-1][1][70 % RECIPE_BLOCK :].any()
