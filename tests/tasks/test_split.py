"""Splits and samples of the data: stratified by class, the same for equal seeds."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from radin.tasks.split import sample_rows, split_rows


def test_the_split_is_stratified_and_repeatable() -> None:
    labels = np.repeat([0, 1, 2], [100, 50, 1])
    chosen, held = split_rows(labels, 0.2, seed=3)
    assert len(held) == 30
    assert np.bincount(labels[held], minlength=3).tolist() == [20, 10, 0]
    assert sorted([*chosen, *held]) == list(range(151))
    assert split_rows(labels, 0.2, seed=3)[1].tolist() == held.tolist()
    assert split_rows(labels, 0.2, seed=4)[1].tolist() != held.tolist()
    assert len(split_rows(labels, 0.0, seed=3)[1]) == 0


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60), st.integers(1, 70), st.integers(0, 3))
def test_every_class_gives_its_share(labels: list[int], n: int, seed: int) -> None:
    array = np.array(labels, dtype=np.int64)
    rows = sample_rows(array, n, seed)
    assert len(rows) == min(n, len(labels))
    assert (np.diff(rows) > 0).all()
    for one, count in zip(*np.unique(array, return_counts=True), strict=True):
        share = count * len(rows) / len(labels)
        assert np.floor(share) <= (array[rows] == one).sum() <= np.ceil(share)
    assert sample_rows(array, n, seed).tolist() == rows.tolist()
