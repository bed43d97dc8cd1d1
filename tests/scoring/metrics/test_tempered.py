"""The likelihood after one temperature is the best of all temperatures, and does not depend on the outputs' scale."""

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from radin.scoring.likelihood import losses
from radin.scoring.metrics import TemperedLikelihood
from radin.scoring.metrics.tempered import LEAST, MOST, TemperatureFit, inverse_temperature

M, C = 300, 5


def outputs(scale: float = 1.0, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(C, size=M)
    return scale * (rng.normal(size=(M, C)) + 1.5 * np.eye(C)[labels]), labels


@pytest.mark.parametrize("seed", range(4))
def test_the_temperature_is_the_best_one(seed: int) -> None:
    logits, labels = outputs(2.5, seed)
    best = minimize_scalar(
        lambda beta: losses(beta * logits, labels).mean(), bounds=(0.05, 5), method="bounded", options={"xatol": 1e-10}
    )
    assert TemperedLikelihood().value(logits, labels) == pytest.approx(best.fun, abs=2e-9)
    assert inverse_temperature(logits, labels) == pytest.approx(best.x, abs=1e-3)


@pytest.mark.parametrize("scale", [1e-2, 0.3, 7.0, 50.0])
def test_the_scale_of_the_outputs_makes_no_difference(scale: float) -> None:
    (logits, labels), metric = outputs(), TemperedLikelihood()
    assert metric.score(scale * logits, labels) == pytest.approx(metric.score(logits, labels), abs=4e-9)
    assert metric.score(logits, labels) > -losses(scale * logits, labels).mean()


def test_samples_that_are_all_right_have_no_loss_left() -> None:
    labels = np.arange(M) % C
    assert TemperedLikelihood().value(np.eye(C)[labels], labels) == pytest.approx(0, abs=1e-8)


def test_outputs_that_know_nothing_are_as_good_as_none() -> None:
    logits, labels = outputs()
    assert TemperedLikelihood().value(-logits, labels) == pytest.approx(np.log(C), abs=0.02)
    assert TemperedLikelihood().value(np.zeros_like(logits), labels) == pytest.approx(np.log(C))
    assert LEAST <= inverse_temperature(-logits, labels) <= MOST


def test_the_numbers_of_samples_have_the_loss_as_mean() -> None:
    (logits, labels), metric = outputs(), TemperedLikelihood()
    statistics = metric.measure(logits, labels)
    assert metric.numbers(statistics, labels).mean() == metric.value(logits, labels)
    assert 0 < metric.standard_error(statistics, labels) < 0.1


def test_newton_does_not_run_in_circles() -> None:
    """A loss whose slope is steep on one side and flat on the other, so that plain steps jump over its least value."""
    fit, steps = TemperatureFit(1), 0
    while fit.open.any():
        away = np.log(fit.beta / 20)
        fit.step(np.tanh(8 * away) * 0.5, 0.05 / np.cosh(8 * away) ** 2)
        steps += 1
        assert steps < 100
    assert fit.beta[0] == pytest.approx(20, rel=1e-3)
