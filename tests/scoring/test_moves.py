"""Moves are those that a loop lists, and come in parts as they come at once."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radin.recipe import as_proposals
from radin.scoring import moves

masks = st.lists(st.booleans(), min_size=1, max_size=9).filter(any).map(np.array)


def sets(rows):
    return [set(np.flatnonzero(row).tolist()) for row in rows]


@given(masks)
def test_moves_are_those_that_a_loop_lists(mask):
    members = set(np.flatnonzero(mask).tolist())
    others = [i for i in range(len(mask)) if i not in members]
    flipped = [members ^ {i} for i in range(len(mask))]
    before = mask.copy()
    assert sets(moves.flips(mask).all()) == flipped
    assert [flipped[i] for i in moves.flips_to_recipes(mask)] == [one for one in flipped if one]
    assert sets(moves.swaps(mask).all()) == [members - {i} | {j} for i in sorted(members) for j in others]
    assert sets(moves.singles(len(mask)).all()) == [{i} for i in range(len(mask))]
    np.testing.assert_array_equal(mask, before)


def test_additions_are_counts_by_their_sum():
    counts = np.array([2, 0, 1])
    by_hand = as_proposals(np.array([[3, 0, 1], [2, 1, 1], [2, 0, 2]]) / 4, 3)
    np.testing.assert_array_equal(moves.additions(counts).all(), by_hand)


@pytest.mark.parametrize("rows", [1, 2, 3, 100])
def test_parts_are_all_moves_in_order(rows, monkeypatch):
    mask = np.array([True, False, True, False, False])
    monkeypatch.setattr(moves, "ENTRIES", rows * len(mask))
    for made in (moves.flips(mask), moves.swaps(mask), moves.additions(mask.astype(np.int64))):
        parts = list(made.blocks())
        assert all(len(part) <= rows and numbers.stop - numbers.start == len(part) for numbers, part in parts)
        np.testing.assert_array_equal(np.concatenate([part for _, part in parts]), made.all())
        np.testing.assert_array_equal(made.scored(lambda part: part @ np.arange(5.0)), made.all() @ np.arange(5.0))


def test_some_of_the_moves_have_numbers_of_their_own():
    made = moves.listed(np.eye(4, dtype=bool)).those(np.array([2, 0]))
    assert sets(made.all()) == [{2}, {0}]
    assert len(made) == 2


def test_parts_hold_whole_blocks_of_the_kernels():
    assert moves.rows_at_once(10_000) % 256 == 0
    assert 10_000 * moves.rows_at_once(10_000) <= moves.ENTRIES
    assert moves.rows_at_once(moves.ENTRIES * 2) == 1
