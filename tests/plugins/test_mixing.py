"""The duality gap is a proof: it is held against fine grids, other solutions, and gradients made by hand."""

import numpy as np
import pytest
from helpers.objectives import Additive
from scipy.special import softmax

import radin
from radin.errors import AbilityError
from radin.testing import ToyObjective


def unequal_bank(n, m=250, c=5, seed=0):
    """Ingredients of unequal quality and calibration."""
    rng = np.random.default_rng([seed, n])
    labels = rng.integers(c, size=m)
    common = rng.normal(size=(m, c)) + 1.5 * (np.arange(c) == labels[:, None])
    scales, noise = rng.uniform(0.3, 2.0, size=n), rng.uniform(0.2, 2.0, size=n)
    return radin.LogitBank.from_arrays(
        [s * (common + e * rng.normal(size=(m, c))) for s, e in zip(scales, noise, strict=True)], labels
    )


def solve(surrogate, gap, **more):
    return radin.search("mixing", surrogate, options={"gap": gap}, **more)


def gradient(bank, weights):
    logits = np.stack([bank.read(i, 0, bank.n_samples) for i in range(len(bank))])
    truth = np.eye(bank.n_classes)[bank.labels]
    residual = softmax(np.einsum("n,nmc->mc", weights, logits), axis=1) - truth
    return np.einsum("mc,nmc->n", residual, logits) / bank.n_samples


@pytest.mark.parametrize("gap", [1e-1, 1e-2, 1e-3, 1e-5])
@pytest.mark.parametrize("seed", range(3))
def test_gap_bounds_the_distance_to_the_best_of_a_fine_grid(seed, gap):
    surrogate = radin.Surrogate(unequal_bank(3, seed=seed), "nll")
    found = solve(surrogate, gap)
    assert found.reported["gap"] <= gap
    steps = np.arange(101)
    grid = np.array([(i, j, 100 - i - j) for i in steps for j in steps[: 101 - i]]) / 100
    best = surrogate.tie_break(grid).min()
    assert found.reported["loss"] <= best + found.reported["gap"] + surrogate.nll_bound
    assert -found[0].score <= found.reported["loss"] + 1e-12


@pytest.mark.parametrize("n", [2, 5, 20])
def test_optimality_conditions_hold(n):
    bank = unequal_bank(n)
    found = solve(radin.Surrogate(bank, "nll"), 1e-6)
    assert found.stopped == "finished"
    weights = np.array(found[0].recipe.weights)
    slope = gradient(bank, weights)
    slack = slope - slope.min()
    assert (weights * slack <= 3e-6).all()  # members share the least slope; the others' are no smaller
    assert slope @ weights - slope.min() <= 3e-6
    assert np.count_nonzero(weights) > 1


def test_a_loose_gap_is_still_true():
    surrogate = radin.Surrogate(unequal_bank(12), "nll")
    optimum = solve(surrogate, 1e-7).reported["loss"]
    for steps in (1, 2, 5, 10, 20):
        reported = radin.search("mixing", surrogate, options={"gap": 1e-7, "steps": steps}).reported
        assert -1e-7 <= reported["loss"] - optimum <= reported["gap"] + surrogate.nll_bound


def test_beats_every_subset_in_likelihood():
    surrogate = radin.Surrogate(unequal_bank(8), "nll")
    subset = radin.search("exhaustive", surrogate)[0]
    assert solve(surrogate, 1e-5)[0].score > subset.score


def test_weights_on_the_way_and_roundings_are_scored_by_the_metric():
    surrogate = radin.Surrogate(unequal_bank(10), "accuracy", lam=1.0)
    found = solve(surrogate, 1e-4, top=1000)
    assert found[0].score == surrogate(found[0].recipe.row[None])[0]
    subsets = [one.recipe.size for one in found if one.recipe.is_subset]
    mixtures = [one.recipe for one in found if not one.recipe.is_subset]
    assert len(subsets) >= 2 and len(mixtures) >= 3
    final = max(mixtures, key=lambda recipe: -surrogate.tie_break(np.array([recipe.weights]))[0])
    assert set(range(2, final.size + 1)) <= set(subsets)


@pytest.mark.parametrize("cap", [2, 3, 5, 10])
def test_a_small_budget_still_scores_and_reports(cap):
    found = solve(ToyObjective(9), 1e-9, budget=radin.Budget(candidates=cap))
    assert (found.charged, found.stopped, len(found) > 0) == (cap, "budget", True)
    assert found.reported["gap"] > 0


def test_one_ingredient_is_optimal_at_once():
    found = solve(ToyObjective(1), 1e-12)
    assert (found.reported["gap"], found.reported["gradients"], len(found)) == (0, 1, 0)


def test_needs_a_gradient():
    with pytest.raises(AbilityError, match="'mixing' cannot be used here: Additive has no gradient"):
        radin.search("mixing", Additive([1.0, 2.0]))
