"""Arrays of large files that are cut short while they are in use."""

import os
from pathlib import Path

import numpy as np
import pytest

from radin import LogitBank
from radin.common import array_folder
from radin.common.array_folder import ArrayFolder
from radin.common.mapped import MappedArray
from radin.errors import DataError

ROWS = np.arange(40_000, dtype=np.float32).reshape(10_000, 4)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    np.save(tmp_path / "a.npy", ROWS)
    return tmp_path / "a.npy"


@pytest.mark.parametrize(
    "key",
    [slice(3, 9), slice(None), slice(9, 3), slice(None, None, 2), 5, (slice(None), 1), [1, 2]]
    + [np.array(rows) for rows in ([], [7], [3, 1, 2], [0, 9_999], [-1, 4])],
    ids=str,
)
def test_rows_are_those_of_the_array(file: Path, key: object) -> None:
    wanted = ROWS[key.astype(np.int64) if isinstance(key, np.ndarray) else key]
    got = MappedArray.load(file)[key.astype(np.int64) if isinstance(key, np.ndarray) else key]
    assert got.dtype == wanted.dtype and np.array_equal(got, wanted)


def test_rows_that_are_cut_off_are_an_error(file: Path) -> None:
    array = MappedArray.load(file)
    os.truncate(file, 1_000)
    assert np.array_equal(array[:10], ROWS[:10])
    for key in (slice(9_000, 9_001), np.array([0, 9_000]), np.array([9_999])):
        with pytest.raises(DataError, match=r"a\.npy was cut short.*same command"):
            array[key]


def test_a_file_that_was_replaced_or_removed_stays_as_it_was(file: Path) -> None:
    array = MappedArray.load(file)
    np.save(file.with_name("b.npy"), 2 * ROWS)
    file.with_name("b.npy").replace(file)
    assert np.array_equal(array[5:7], ROWS[5:7])
    file.unlink()
    assert np.array_equal(array[5:7], ROWS[5:7])


def test_a_bank_of_large_files_survives_one_that_is_cut_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(array_folder, "HELD", 0)
    ArrayFolder(tmp_path).store("a", "key", ROWS)
    array = ArrayFolder(tmp_path).get("a", "key")
    bank = LogitBank.from_arrays([array], np.zeros(len(ROWS), np.int64))
    os.truncate(tmp_path / "a.npy", 1_000)
    with pytest.raises(DataError, match="cut short"):
        bank.logits(0)
    with pytest.raises(DataError, match="cut short"):
        bank.take(np.arange(5_000, 5_010)).logits(0)
