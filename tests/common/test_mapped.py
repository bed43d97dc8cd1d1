"""Arrays of large files that are cut short while they are in use."""

import os
from pathlib import Path

import numpy as np
import pytest

from radin import LogitBank
from radin.common import array_folder, mapped
from radin.common.array_folder import ArrayFolder
from radin.common.mapped import MappedArray
from radin.errors import DataError, StorageError

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


@pytest.fixture
def few_files():
    """A function that leaves this process room for a number of open files, by a limit that it may raise."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)

    def leave(room: int) -> None:
        used = {int(one.name) for one in Path("/proc/self/fd").iterdir()}
        free = [number for number in range(len(used) + room + 1) if number not in used]
        resource.setrlimit(resource.RLIMIT_NOFILE, (free[room], before[1]))  # numbers below it may be given

    yield leave
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_more_arrays_than_files_may_be_open_raise_the_limit(tmp_path: Path, few_files, monkeypatch) -> None:
    monkeypatch.setattr(array_folder, "HELD", 0)
    folder = ArrayFolder(tmp_path)
    for i in range(40):
        folder.store(f"{i}", "key", ROWS[:10])
    few_files(10)
    arrays = [ArrayFolder(tmp_path).get(f"{i}", "key") for i in range(40)]
    assert all(np.array_equal(array[:10], ROWS[:10]) for array in arrays)


def test_arrays_that_cannot_be_opened_for_want_of_files_are_kept(tmp_path: Path, few_files, monkeypatch) -> None:
    monkeypatch.setattr(array_folder, "HELD", 0)
    monkeypatch.setattr(mapped, "_raise_limit", lambda: None)  # as where the system allows no more
    folder = ArrayFolder(tmp_path)
    for i in range(40):
        folder.store(f"{i}", "key", ROWS[:10])
    few_files(10)
    other, arrays = ArrayFolder(tmp_path), []
    with pytest.raises(StorageError, match=r"no more files open; raise its limit"):
        arrays += [other.get(f"{i}", "key") for i in range(40)]
    assert len(list(tmp_path.glob("*.npy"))) == 40  # none was taken for damaged
