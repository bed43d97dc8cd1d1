"""Metrics of averaged values from one matrix are those of the averages themselves."""

import numpy as np
import pytest

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.moments_kernel import MomentsKernel

N, M = 7, 300


def bank(d=1, offset=0.0, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.normal(size=(M, d)) * 3 + offset
    shared = rng.normal(size=(M, d))
    outputs = [labels + shared + rng.normal(size=(M, d)) * (1 + i / N) for i in range(N)]
    return LogitBank.from_arrays(np.array(outputs, dtype=np.float32), labels)


@pytest.mark.parametrize("d", [1, 3])
@pytest.mark.parametrize("offset", [0.0, 1000.0])
@pytest.mark.parametrize("name", ["mse", "rmse", "r2", "pearson"])
def test_scores_are_those_of_the_dense_product(name, d, offset):
    given = bank(d, offset)
    surrogate, rng = Surrogate(given, name), np.random.default_rng(1)
    masks, weights = rng.random((300, N)) < 0.5, rng.dirichlet(np.ones(N), size=300)
    masks[~masks.any(axis=1), 0] = True
    for rows in (masks, weights):
        w = rows / rows.sum(axis=1, keepdims=True)
        averages = np.tensordot(w, np.stack([given.logits(i) for i in range(N)]).astype(np.float64), axes=1)
        expected = [surrogate.metric.score(one, given.labels) for one in averages]
        np.testing.assert_allclose(surrogate(rows), expected, rtol=1e-9, atol=1e-12)


def test_a_score_does_not_depend_on_the_recipes_beside_it():
    surrogate, weights = Surrogate(bank(), "mse"), np.random.default_rng(0).dirichlet(np.ones(N), size=300)
    together = surrogate(weights)
    assert [float(surrogate(one[None])[0]) for one in weights[[0, 17, 299]]] == together[[0, 17, 299]].tolist()


def test_the_tie_break_and_the_gradient_are_of_the_mean_squared_error():
    given = bank(2)
    surrogate, w = Surrogate(given, "pearson"), np.random.default_rng(0).dirichlet(np.ones(N))
    loss, slope = surrogate.loss_and_gradient(w)
    assert loss == pytest.approx(-Surrogate(given, "mse")(w[None])[0]) == pytest.approx(surrogate.tie_break(w[None])[0])
    kernel = MomentsKernel(given)
    for i in range(N):
        ahead, back = w + 1e-4 * np.eye(N)[i], w - 1e-4 * np.eye(N)[i]
        assert slope[i] == pytest.approx((kernel.gradient(ahead)[0] - kernel.gradient(back)[0]) / 2e-4, rel=1e-6)


def test_mixing_finds_the_optimum_of_the_quadratic_programme():
    from scipy.optimize import minimize

    import radin

    given = bank()
    errors = np.stack([given.logits(i)[:, 0] - given.labels[:, 0] for i in range(N)])
    gram = errors @ errors.T / M
    best = minimize(
        lambda w: w @ gram @ w,
        np.full(N, 1 / N),
        jac=lambda w: 2 * gram @ w,
        bounds=[(0, 1)] * N,
        constraints={"type": "eq", "fun": lambda w: w.sum() - 1},
        method="SLSQP",
        options={"ftol": 1e-14},
    )
    found = radin.search("mixing", Surrogate(given, "mse"), options={"gap": 1e-10})
    assert -found[0].score == pytest.approx(best.fun, rel=1e-8)
    np.testing.assert_allclose(found[0].recipe.weights, best.x, atol=1e-4)
