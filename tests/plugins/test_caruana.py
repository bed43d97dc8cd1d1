"""Selection with replacement against its algorithm, written down once more."""

import numpy as np
from helpers.objectives import Additive, Capable
from hypothesis import given, settings
from hypothesis import strategies as st

import radin

POOLS = st.tuples(st.lists(st.integers(0, 4), min_size=1, max_size=7), st.sampled_from([0.0, 0.3, 0.7]))


@settings(deadline=None, max_examples=40)
@given(pool=POOLS, initial=st.integers(0, 3), rounds=st.integers(1, 6))
def test_caruana_is_selection_with_replacement(pool, initial, rounds):
    worth, bonus = pool
    for kind in (Additive, Capable):
        objective = kind(worth, bonus=bonus)
        n, proposed = len(worth), set()
        order = sorted(range(n), key=lambda i: -objective.solo[i])
        counts = [int(i in order[:initial]) for i in range(n)]
        for _ in range(rounds):
            trials = {i: [c + (i == j) for j, c in enumerate(counts)] for i in order}
            scores = {i: objective.value(np.array([t]) / sum(t))[0] for i, t in trials.items()}
            proposed |= {tuple(np.round(np.array(t) / sum(t), 12)) for t in trials.values()}
            counts = trials[max(trials, key=scores.__getitem__)]
        options = {"initial": initial, "rounds": rounds}
        found = radin.search("caruana", objective, options=options, top=1000)
        listed = {tuple(np.round(one.recipe.weights, 12)) for one in found}
        assert listed == {weights for weights in proposed if sum(w > 0 for w in weights) > 1}


def test_caruana_on_the_surrogate_finds_unequal_weights():
    rng = np.random.default_rng(2)
    labels = rng.integers(4, size=300)
    common = rng.normal(size=(300, 4)) + 1.5 * (np.arange(4) == labels[:, None])
    logits = [common + rng.normal(size=(300, 4)) * (0.6 + 0.3 * i) for i in range(6)]
    surrogate = radin.Surrogate(radin.LogitBank.from_arrays(logits, labels), "nll")
    best = radin.search("caruana", surrogate)[0]
    assert not best.recipe.is_subset
    assert best.score == surrogate(np.array([best.recipe.weights]))[0]
    assert best.score > radin.search("exhaustive", surrogate)[0].score
