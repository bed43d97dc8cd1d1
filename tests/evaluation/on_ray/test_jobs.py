"""Jobs of a pass: all of its rows once and in order, cut where batches are cut."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from radin.evaluation.executor import Pass
from radin.evaluation.on_ray.jobs import PARTS_PER_WORKER, parts_of
from radin.recipe import Recipe
from radin.scoring.kinds import Tokens

WORK = Pass(Recipe(("a", "b"), (1.0, 0.0)), "key", "a", "pass")


@given(n_rows=st.integers(1, 500), size=st.integers(1, 64), workers=st.integers(1, 9))
def test_parts_are_whole_batches_in_order(n_rows: int, size: int, workers: int) -> None:
    parts = list(parts_of(WORK, n_rows, size, workers, divisible=True))
    assert np.concatenate([part.work.only for part in parts]).tolist() == list(range(n_rows))
    assert all(part.rows % size == 0 for part in parts[:-1])
    assert len(parts) <= PARTS_PER_WORKER * workers
    assert {part.size for part in parts} == {size}


def test_some_rows_are_cut_like_all() -> None:
    rows = np.array([3, 5, 8, 13, 21])
    work = Pass(WORK.recipe, "key", "a", "stage", only=rows)
    parts = list(parts_of(work, 100, 2, 8, divisible=True))
    assert [part.work.only.tolist() for part in parts] == [[3, 5], [8, 13], [21]]


def test_a_part_takes_what_is_kept_of_its_own_rows() -> None:
    chosen = np.arange(12, dtype=np.int32).reshape(6, 2, 1)
    work = Pass(WORK.recipe, "key", "a", "pass", outputs=Tokens(width=2, alternatives=1).fixed(chosen))
    kinds = [part.work.outputs for part in parts_of(work, 6, 2, 9, divisible=True)]
    assert [one.chosen.ravel().tolist() for one in kinds] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert [one.samples.tolist() for one in kinds] == [[0, 1], [2, 3], [4, 5]]


def test_data_that_cannot_be_read_in_a_chosen_order_are_one_job() -> None:
    (part,) = parts_of(WORK, 100, 8, 4, divisible=False)
    assert (part.rows, part.work.only) == (100, None)


@pytest.mark.parametrize(
    ("change", "settled"), [({}, False), ({"dropped": True}, True), ({"error": ValueError()}, True)]
)
def test_a_job_is_settled_when_nothing_is_left_to_do(change, settled) -> None:
    (part,) = parts_of(WORK, 4, 8, 1, divisible=True)
    for name, value in change.items():
        setattr(part, name, value)
    assert part.is_settled is settled
