"""The arrays that remember recipes, against dictionaries and sorted()."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radin.recipe import as_proposals, mixing_weights, subset_rows
from radin.searching.distinct import DistinctRows
from radin.searching.scoreboard import Scoreboard


@given(
    batches=st.lists(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 3)), max_size=30), max_size=6),
    spread=st.sampled_from([1, 2**32, 2**61]),
)
def test_distinct_rows_are_numbered_by_first_appearance(batches, spread):
    distinct, known = DistinctRows(2), {}
    for batch in batches:
        rows = np.array(batch, dtype=np.uint64).reshape(-1, 2) * np.uint64(spread)
        ids, new = distinct.admit(rows)
        for row, number, first in zip(map(tuple, rows.tolist()), ids, new, strict=True):
            assert first == (row not in known)
            assert known.setdefault(row, len(known)) == number
        assert len(distinct) == len(known)
    if known:
        np.testing.assert_array_equal(distinct.rows(np.arange(len(known))), np.array(list(known), dtype=np.uint64))


def test_distinct_rows_survive_growth_and_collisions():
    rng = np.random.default_rng(0)
    distinct, known = DistinctRows(1), {}
    distinct._multipliers[:] = 2**56 + 1  # a poor hash: most rows meet others on their way
    for size in (1, 700, 5000, 3):
        rows = rng.integers(4000, size=(size, 1), dtype=np.uint64)
        ids, _ = distinct.admit(rows)
        assert ids.tolist() == [known.setdefault(row, len(known)) for row in rows[:, 0].tolist()]


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
