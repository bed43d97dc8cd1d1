"""Distinct rows are numbered by their first appearance, against a dictionary."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radin.searching.distinct import DistinctRows


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
