"""The proven optimum against brute force, ties included."""

from pathlib import Path

import numpy as np
import pytest
from helpers.objectives import Additive, Capable
from helpers.small import task

import radin
from radin.errors import PluginError
from radin.scoring.metrics import get_metric
from radin.testing import ToyObjective

METRICS = ["accuracy", "top5", "balanced-accuracy", "macro-f1", "nll"]


def whole_bank(n=10, m=40, c=6):
    """Logits so coarse that many subsets tie, and sums of them are free of rounding."""
    rng = np.random.default_rng(5)
    labels = rng.integers(c, size=m)
    logits = rng.integers(-3, 4, size=(n, m, c)) + 2 * (np.arange(c) == labels[:, None])
    return logits.astype(np.float32), labels


def by_brute_force(objective, scores, top):
    """The best subsets of two or more: score, then negative log-likelihood, then size, then pool order."""
    n = len(objective.names)
    masks = np.array([[s >> i & 1 for i in range(n)] for s in range(1, 2**n)], dtype=bool)
    masks = masks[masks.sum(axis=1) >= 2]
    losses = objective.tie_break(masks) if hasattr(objective, "tie_break") else np.zeros(len(masks))
    keys = list(zip(-scores(masks), losses, -masks.sum(axis=1), (~masks).tolist(), strict=True))
    return [tuple(np.flatnonzero(masks[i]).tolist()) for i in sorted(range(len(masks)), key=keys.__getitem__)[:top]]


@pytest.mark.parametrize("metric", METRICS)
def test_finds_what_brute_force_finds(metric):
    logits, labels = whole_bank()
    surrogate = radin.Surrogate(radin.LogitBank.from_arrays(logits, labels), metric)

    def scores(masks):
        sums = np.einsum("kn,nmc->kmc", masks, logits.astype(np.float64))
        scored = get_metric(metric)
        # Only the likelihood depends on the scale of logits, and dividing would round them.
        divided = sums / masks.sum(axis=1)[:, None, None] if metric == "nll" else sums
        return np.array([scored.score(one, labels) for one in divided])

    found = radin.search("exhaustive", surrogate, radin.Budget(candidates=2**10), options={"batch": 300})
    assert (found.charged, found.stopped) == (2**10 - 1, "finished")
    assert [one.recipe.members for one in found] == by_brute_force(surrogate, scores, 10)
    if metric == "accuracy":
        assert len({one.score for one in found}) < 10  # there are ties


def test_a_prior_is_part_of_the_optimum():
    surrogate = radin.Surrogate(radin.LogitBank.from_arrays(*whole_bank()), lam=3.0)
    found = radin.search("exhaustive", surrogate)
    assert [one.recipe.members for one in found] == by_brute_force(surrogate, surrogate, 10)


@pytest.mark.parametrize("unit", ["candidate", "soup"])
@pytest.mark.parametrize("kind", [Additive, Capable])
@pytest.mark.parametrize("n", [1, 2, 7])
def test_with_and_without_a_fast_path_for_ranges(kind, n, unit):
    objective = kind(np.arange(n) % 3, unit=unit, bonus=0.1)
    found = radin.search("exhaustive", objective, radin.Budget(soups=200), options={"batch": 50})
    assert found.charged == 2**n - 1 - (n if unit == "soup" else 0)
    assert [one.recipe.members for one in found] == by_brute_force(objective, objective.value, 10)


def test_on_real_soups(checkpoints: list[Path], tmp_path: Path):
    with radin.Verifier(radin.Pool(checkpoints[:3]), task(), tmp_path / "run") as verifier:
        found = radin.search("exhaustive", verifier, radin.Budget(soups=10))
        assert (found.charged, found.stopped, len(found)) == (4, "finished", 4)
        assert [one.recipe.members for one in found] == by_brute_force(verifier, verifier, 10)


def test_stops_at_the_cap():
    found = radin.search("exhaustive", ToyObjective(12), radin.Budget(candidates=1000))
    assert (found.charged, found.stopped) == (1000, "budget")


@pytest.mark.parametrize(
    ("n", "options", "message"),
    [
        (25, {}, "25 ingredients have 33 554 431 subsets, .* at most 24"),
        (1000, {}, "1000 ingredients have about 10\\^301 subsets"),
        (5, {"largest": 4}, "5 ingredients have 31 subsets, .* at most 4"),
    ],
)
def test_too_large_pools_are_refused(n, options, message):
    with pytest.raises(PluginError, match=message):
        radin.search("exhaustive", Additive(np.zeros(n)), options=options)
