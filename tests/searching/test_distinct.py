"""Distinct rows are numbered by their first appearance, against a dictionary."""

import tracemalloc

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radin.searching.distinct import DistinctMixtures, DistinctRows


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
    for size in (1, 700, 5000, 3):
        rows = rng.integers(4000, size=(size, 1), dtype=np.uint64)
        ids, _ = distinct.admit(rows)
        assert ids.tolist() == [known.setdefault(row, len(known)) for row in rows[:, 0].tolist()]


@given(batches=st.lists(st.lists(st.tuples(*[st.sampled_from([0.0, 0.25, 0.5, 1.0])] * 3), max_size=20), max_size=5))
def test_distinct_mixtures_are_numbered_by_first_appearance(batches):
    distinct, known = DistinctMixtures(3), {}
    for batch in batches:
        ids, new = distinct.admit(np.array(batch).reshape(-1, 3))
        for row, number, first in zip(batch, ids, new, strict=True):
            assert first == (row not in known)
            assert known.setdefault(row, len(known)) == number
        assert len(distinct) == len(known)
    rows = distinct.rows(np.arange(len(known))[::-1])
    np.testing.assert_array_equal(rows, np.array(list(known)).reshape(-1, 3)[::-1])


def test_mixtures_take_memory_for_their_members_alone():
    distinct, n = DistinctMixtures(20_000), 20_000
    tracemalloc.start()
    for start in range(0, 2_000, 100):
        rows = np.zeros((100, n))
        rows[np.arange(100), np.arange(start, start + 100)] = 0.25
        rows[:, -1] += 0.75
        distinct.admit(rows)
    kept, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(distinct) == 2_000
    assert kept < 100 * n * 8 + 2_000 * 500  # the last rows that were given, and not the 320 MB of all
