"""Groups of samples: ids become numbers, groups are held back whole, and one group alone is refused."""

import numpy as np
import pytest
import torch
from helpers.small import Network, clouds

import radin
from radin.errors import DataError, InputError
from radin.tasks.groups import group_numbers
from radin.tasks.split import split_rows

X, Y = clouds(60, 1)
PATIENTS = np.arange(60) // 4


@pytest.mark.parametrize("ids", [[7, 7, 3, 9], ["b", "b", "a", "c"], torch.tensor([5, 5, 1, 8])])
def test_ids_of_any_type_become_numbers(ids: object) -> None:
    assert group_numbers(ids, 4, "data").tolist() == [1, 1, 0, 2]


def test_samples_that_are_alone_in_their_groups_are_plain() -> None:
    assert group_numbers([3, 1, 2], 3, "data") is None


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        ([1, 2], r"one id for each of 3 samples, got shape \[2\]"),
        ([0.5, 1.0, 2.0], "whole numbers or text, got float64"),
        (["a", "a", "a"], "all 3 samples are of one group, 'a', so nothing can be held back"),
    ],
)
def test_ids_that_say_nothing_are_refused(ids: list[object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        group_numbers(ids, 3, "data")


@pytest.mark.parametrize("seed", range(5))
def test_groups_are_held_back_whole(seed: int) -> None:
    selecting, held = split_rows(np.zeros(60, dtype=np.int64), 0.25, seed, PATIENTS)
    assert not set(PATIENTS[selecting]) & set(PATIENTS[held])
    assert sorted([*selecting, *held]) == list(range(60)) and len(held) == 12
    assert len(split_rows(np.zeros(60, dtype=np.int64), 0.0, seed, PATIENTS)[1]) == 0


def test_one_group_is_held_back_however_large_and_one_selects() -> None:
    selecting, held = split_rows(np.zeros(10, dtype=np.int64), 0.1, 0, np.arange(10) // 5)
    assert len(selecting) == len(held) == 5


def test_a_task_splits_by_its_groups() -> None:
    task = radin.Task(Network, (X, Y), groups=PATIENTS, device="cpu")
    selecting, held = task.split
    assert len(held) and not set(PATIENTS[selecting]) & set(PATIENTS[held])
    tested = radin.Task(Network, (X, Y), groups={"data": PATIENTS, "test": PATIENTS[:20]}, test=(X[:20], Y[:20]))
    assert tested.tests["test"].groups.max() == 4
    with pytest.raises(InputError, match="groups are for data; there is no 'tests'"):
        radin.Task(Network, (X, Y), groups={"tests": PATIENTS})
    with pytest.raises(InputError, match="limit draws single samples"):
        radin.Task(Network, (X, Y), groups=PATIENTS, limit=10)
