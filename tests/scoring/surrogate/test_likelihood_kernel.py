"""Losses without the classes that cannot matter: within the bound that is reported, and with a true gradient."""

import numpy as np
import pytest
import torch
from helpers.surrogate_oracle import masks, mixtures
from hypothesis import given, settings
from hypothesis import strategies as st

from radin.scoring.logit_bank import LogitBank
from radin.scoring.surrogate import Surrogate
from radin.scoring.surrogate.likelihood_kernel import LikelihoodKernel

DEVICES = ["cpu"] + (["cuda"] if torch.cuda.is_available() else [])


def make(n=7, m=200, c=12, scale=6.0, dtype=np.float32, seed=0):
    rng = np.random.default_rng(seed)
    labels = rng.integers(c, size=m)
    logits = rng.normal(size=(1, m, c)) + 0.4 * rng.normal(size=(n, m, c))
    logits[:, np.arange(m), labels] += 2
    return (scale * logits).astype(dtype), labels


def truth(logits, labels, weights):
    means = np.einsum("kn,nmc->kmc", weights / weights.sum(axis=1, keepdims=True), logits.astype(np.float64))
    target = torch.from_numpy(labels)
    return np.array([float(torch.nn.functional.cross_entropy(torch.from_numpy(one), target)) for one in means])


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("epsilon", [0.0, 1e-6, 1e-3, 0.1])
def test_losses_are_low_by_at_most_the_bound(epsilon, dtype, device):
    logits, labels = make(dtype=dtype)
    kernel = LikelihoodKernel(LogitBank.from_arrays(logits, labels), device, epsilon)
    assert 0 <= kernel.bound <= epsilon
    for rows in (masks(np.random.default_rng(0), 70, 7).astype(float), mixtures(np.random.default_rng(0), 70, 7)):
        low = truth(logits, labels, rows) - kernel.means(rows)
        assert low.min() > -1e-9
        assert low.max() <= kernel.bound + 1e-9
    if epsilon >= 1e-3:
        assert kernel.rows < 200 * 11


@settings(max_examples=60)
@given(
    scale=st.sampled_from([0.01, 1.0, 30.0, 800.0]),
    epsilon=st.sampled_from([1e-9, 1e-6, 1e-2]),
    shape=st.tuples(st.integers(1, 5), st.integers(1, 12), st.integers(1, 6)),
    seed=st.integers(0, 2**31),
)
def test_bound_holds_at_any_scale(scale, epsilon, shape, seed):
    logits, labels = make(*shape, scale=scale, dtype=np.float64, seed=seed)
    kernel = LikelihoodKernel(LogitBank.from_arrays(logits, labels), epsilon=epsilon)
    rows = masks(np.random.default_rng(seed), 5, shape[0]).astype(float)
    low = truth(logits, labels, rows) - kernel.means(rows)
    tolerance = 1e-12 * max(1.0, scale)
    assert -tolerance <= low.min() and low.max() <= kernel.bound + tolerance
    assert kernel.bound <= epsilon


def test_nothing_is_dropped_where_everything_matters():
    logits, labels = make(scale=0.01)
    surrogate = Surrogate(LogitBank.from_arrays(logits, labels), "nll")
    rows = masks(np.random.default_rng(0), 40, 7)
    np.testing.assert_allclose(-surrogate(rows), truth(logits, labels, rows.astype(float)), rtol=1e-12)
    assert surrogate.nll_bound == 0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("scale", [0.01, 6.0])
def test_gradient_is_that_of_the_loss(scale, device):
    logits, labels = make(scale=scale)
    surrogate = Surrogate(LogitBank.from_arrays(logits, labels), device=device)
    weights = mixtures(np.random.default_rng(5), 1, 7)[0]
    loss, gradient = surrogate.loss_and_gradient(weights)
    w = torch.tensor(weights, dtype=torch.float64, requires_grad=True)
    mean = torch.einsum("n,nmc->mc", w, torch.from_numpy(logits).double())
    exact = torch.nn.functional.cross_entropy(mean, torch.from_numpy(labels))
    exact.backward()
    assert loss == pytest.approx(exact.item(), abs=2e-6)
    np.testing.assert_allclose(gradient, w.grad.numpy(), atol=1e-4)
    assert loss == pytest.approx(surrogate.tie_break(weights[None])[0], abs=1e-9)


def test_more_logits_than_memory_are_streamed():
    logits, labels = make()
    rows = masks(np.random.default_rng(0), 40, 7).astype(float)
    kept = LikelihoodKernel(LogitBank.from_arrays(logits, labels)).means(rows)
    streamed = LikelihoodKernel(LogitBank.from_arrays(logits, labels), memory=1)
    np.testing.assert_allclose(streamed.means(rows), kept, atol=1e-6)
    assert streamed.bound == 0
    assert streamed.gradient(rows[0] / rows[0].sum())[0] == pytest.approx(kept[0], abs=1e-6)
