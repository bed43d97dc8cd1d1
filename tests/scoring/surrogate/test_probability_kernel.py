"""Losses of averaged probabilities against a plain computation, and their gradient against differences."""

import numpy as np
import pytest

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.probability_kernel import ProbabilityKernel


def bank(n: int = 5, m: int = 70, c: int = 4) -> LogitBank:
    rng = np.random.default_rng(0)
    return LogitBank.from_arrays(rng.normal(size=(n, m, c)), rng.integers(c, size=m), probabilities="average")


def average(of: LogitBank, weights: np.ndarray) -> np.ndarray:
    return sum(w * of.logits(i) for i, w in enumerate(weights))


def test_means_are_those_of_averaged_probabilities() -> None:
    some = bank()
    mixed = np.random.default_rng(1).dirichlet(np.ones(5), size=40)
    rows = np.arange(some.n_samples)
    plain = [-np.log(average(some, weights)[rows, some.labels]).mean() for weights in mixed]
    np.testing.assert_allclose(ProbabilityKernel(some).means(3 * mixed), plain, rtol=1e-12)
    np.testing.assert_allclose(-Surrogate(some, "nll")(mixed), plain, rtol=1e-12)
    np.testing.assert_allclose(Surrogate(some).tie_break(mixed), plain, rtol=1e-12)


def test_the_gradient_is_that_of_differences() -> None:
    kernel, weights, step = ProbabilityKernel(bank()), np.full(5, 0.2), 1e-6
    value, slope = kernel.gradient(weights)
    assert value == pytest.approx(kernel.means(weights[None])[0])
    for i in range(5):
        moved = weights + step * (np.arange(5) == i)
        assert (kernel.gradient(moved)[0] - value) / step == pytest.approx(slope[i], rel=1e-3)


def test_the_mean_of_probabilities_may_predict_otherwise_than_that_of_logits() -> None:
    logits = np.array([[[8.0, 0.0]], [[-1.0, 0.0]], [[-1.0, 0.0]]])
    by_logits = LogitBank.from_arrays(logits, [1])
    by_chances = LogitBank.from_arrays(logits, [1], probabilities="average")
    assert Surrogate(by_logits)(np.ones((1, 3), dtype=bool)) == [0.0]
    chances = 1 / (1 + np.exp([8.0, -1.0, -1.0]))
    assert Surrogate(by_chances, "brier")(np.ones((1, 3), dtype=bool)) == pytest.approx(-((1 - chances.mean()) ** 2))
    assert Surrogate(by_chances)(np.ones((1, 3), dtype=bool)) == [float(chances.mean() > 0.5)]
