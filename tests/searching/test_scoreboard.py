"""The arrays that remember recipes, against dictionaries and sorted()."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radin.recipe import as_proposals, mixing_weights, subset_rows
from radin.searching.scoreboard import Scoreboard


def random_batch(rng, n, k, kind):
    masks = rng.random((k, n)) < 0.5
    masks[~masks.any(axis=1), 0] = True
    if kind == "masks":
        return masks
    weights = mixing_weights(masks)
    mixed = rng.random(k) < 0.5
    weights[mixed] *= rng.integers(1, 3, size=(mixed.sum(), n))
    return as_proposals(weights / weights.sum(axis=1, keepdims=True), n)


@given(n=st.sampled_from([1, 3, 8, 9, 64, 65]), kinds=st.lists(st.booleans(), max_size=5), seed=st.integers(0, 999))
def test_recipes_are_remembered_whatever_they_are_written_as(n, kinds, seed):
    rng = np.random.default_rng(seed)
    board, known, rows = Scoreboard(n), {}, []
    for kind in kinds:
        batch = random_batch(rng, n, int(rng.integers(0, 12)), "masks" if kind else "weights")
        numbers, new = board.admit(batch)
        weights = mixing_weights(batch)
        for row, subset, number, first in zip(weights, subset_rows(weights), numbers, new, strict=True):
            key = tuple(row > 0) if subset else tuple(row)
            assert first == (key not in known)
            assert known.setdefault(key, len(known)) == number
            if first:
                rows.append(row)
    assert len(board) == len(known) == board.subsets + board.mixtures
    if known:
        board.record(rng.random(len(known)))
        ids = rng.permutation(len(known))
        np.testing.assert_allclose(mixing_weights(board.rows(ids)), np.array(rows)[ids], rtol=1e-15)
        np.testing.assert_array_equal(board.sizes, (np.array(rows) > 0).sum(axis=1))


@given(
    k=st.integers(0, 60),
    n=st.sampled_from([2, 4, 9]),
    top=st.integers(1, 12),
    levels=st.integers(1, 4),
    with_loss=st.booleans(),
    kind=st.sampled_from(["masks", "weights"]),
    seed=st.integers(0, 999),
)
def test_the_best_are_those_that_sorting_everything_finds(k, n, top, levels, with_loss, kind, seed):
    rng = np.random.default_rng(seed)
    board = Scoreboard(n)
    batch = random_batch(rng, n, k, kind)
    board.admit(batch)
    rows = mixing_weights(board.rows(np.arange(len(board))))
    scores = rng.integers(levels, size=len(rows)).astype(float)
    board.record(scores)
    losses = dict(zip(map(tuple, rows), rng.integers(2, size=len(rows)).astype(float), strict=True))

    def tie_break(recipes):
        return np.array([losses[tuple(row)] for row in mixing_weights(recipes)])

    def order(i):
        loss = losses[tuple(rows[i])] if with_loss else 0
        return -scores[i], loss, -(rows[i] > 0).sum(), *(-rows[i])

    expected = sorted((i for i in range(len(rows)) if (rows[i] > 0).sum() >= 2), key=order)[:top]
    assert board.best(top, tie_break if with_loss else None).tolist() == expected
