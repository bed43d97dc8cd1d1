"""Groups of samples: ids become numbers, groups are held back whole, and one group alone is refused."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import Network, clouds, make_pool
from torch.utils.data import DataLoader, TensorDataset

import radin
from radin.errors import DataError, InputError
from radin.evaluation.verifier import Verifier
from radin.report.comparison import compare
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


def test_a_limit_takes_whole_groups() -> None:
    for data in ((X, Y), TensorDataset(X, Y)):
        task = radin.Task(Network, data, groups=PATIENTS, limit=13, device="cpu")
        assert len(task.rows) == 12 and np.bincount(task.rows.groups).tolist() == [4, 4, 4]
        again = radin.Task(Network, data, groups=torch.tensor(PATIENTS), limit=13, device="cpu")
        assert again.rows.fingerprint == task.rows.fingerprint
    with pytest.raises(InputError, match="a limit of 7 samples takes 1 of 15 groups, which are taken whole"):
        radin.Task(Network, (X, Y), groups=PATIENTS, limit=7)
    with pytest.raises(InputError, match="cannot be set on a DataLoader"):
        radin.Task(Network, DataLoader(TensorDataset(X, Y)), groups=PATIENTS, limit=8)
    with pytest.raises(DataError, match="expected a map-style dataset"):
        radin.Task(Network, iter(TensorDataset(X, Y)), groups=PATIENTS, limit=8)


def test_parts_without_a_labelled_position_are_refused() -> None:
    tags = torch.full((40, 5), -100)
    tags[0] = 1
    with pytest.raises(DataError, match="none of the 8 samples held back has a position with a label"):
        _ = radin.Task(Network, (torch.zeros(40, 5, 6), tags), device="cpu").split
    tags[:20] = 1
    task = radin.Task(Network, (torch.zeros(40, 5, 6), tags), device="cpu")
    assert (tags[task.split[1]] == 1).all(1).sum() == 4, "samples without any are held back in proportion"


def test_one_group_held_back_tells_nothing_of_noise(tmp_path: Path) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 2))
    task = radin.Task(Network, (X, Y), groups=np.arange(60) // 30, device="cpu")
    with Verifier(pool, task, tmp_path / "run") as verifier:
        found = compare(radin.Recipe.uniform(pool.names), radin.Recipe.subset(pool.names, [0]), verifier)
    assert (found.n_samples, found.unit, found.p_value) == (1, "group", 1.0)
    assert any("are one group alone" in remark for remark in found.remarks)
