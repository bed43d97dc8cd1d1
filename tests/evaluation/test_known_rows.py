"""Known rows are read, and completed with fresh ones, as if all had been run at once."""

from pathlib import Path

import numpy as np
import pytest

from radin.common.array_folder import ArrayFolder
from radin.evaluation.known_rows import KnownRows, Part, PartialLogits
from radin.scoring.kinds.choices import ABSENT

LOGITS = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)


def part(rows: list[int]) -> Part:
    return Part(np.array(rows), LOGITS[rows])


def test_rows_are_read_from_several_parts_in_the_order_asked_for() -> None:
    known = KnownRows(40, [part([7, 3, 30]), part([3, 0, 39])])
    wanted = np.array([39, 7, 0, 3])
    np.testing.assert_array_equal(known.read(wanted), LOGITS[wanted])
    assert known.holds(np.array([30, 31])).tolist() == [True, False]
    assert known.missing(np.array([9, 3, 8])).tolist() == [8, 9]


@pytest.mark.parametrize("size", [1, 4, 100])
@pytest.mark.parametrize("rows", [[], [5], [0, 39], [38, 12, 11, 2], list(range(40))])
def test_fresh_rows_complete_the_known_ones(rows: list[int], size: int) -> None:
    known = KnownRows(40, [part(rows)] if rows else [])
    missing = known.missing()
    fresh = (LOGITS[missing[i : i + size]] for i in range(0, len(missing), size))
    np.testing.assert_array_equal(np.concatenate(list(known.completed(fresh))), LOGITS)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_some_rows_are_completed_too(size: int) -> None:
    wanted = np.array([1, 4, 5, 9, 20, 38])
    known = KnownRows(40, [part([5, 39, 1])])
    missing = known.missing(wanted)
    fresh = (LOGITS[missing[i : i + size]] for i in range(0, len(missing), size))
    np.testing.assert_array_equal(np.concatenate(list(known.completed(fresh, wanted))), LOGITS[wanted])


def test_stored_parts_are_found_by_the_key_of_the_whole(tmp_path: Path) -> None:
    parts = PartialLogits(ArrayFolder(tmp_path))
    parts.store("a", "whole a", part([4, 1]))
    parts.store("a", "whole a", part([4, 1, 9, 0]))
    parts.store("b", "whole b", part([4, 1]))
    reopened = PartialLogits(ArrayFolder(tmp_path))
    assert [len(one.rows) for one in reopened.of("whole a")] == [4, 2]
    np.testing.assert_array_equal(reopened.of("whole b")[0].logits, LOGITS[[4, 1]])
    assert reopened.of("another") == []


def test_a_damaged_part_counts_as_not_run(tmp_path: Path) -> None:
    parts = PartialLogits(ArrayFolder(tmp_path))
    parts.store("a", "whole a", part([4, 1]))
    (file,) = tmp_path.glob("a on 2*.npy")
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    assert PartialLogits(ArrayFolder(tmp_path)).of("whole a") == []


@pytest.mark.parametrize("stem", ["x" * 230, "é" * 110, "\U0001f35c" * 58, "%" * 200])
def test_parts_of_networks_with_the_longest_names_are_stored_apart(tmp_path: Path, stem: str) -> None:
    parts = PartialLogits(ArrayFolder(tmp_path))
    for number in "12":
        parts.store(f"{stem}{number}", f"whole {number}", part([4, int(number)]))
    reopened = PartialLogits(ArrayFolder(tmp_path))
    for number in "12":
        np.testing.assert_array_equal(reopened.of(f"whole {number}")[0].logits, LOGITS[[4, int(number)]])


def test_parts_of_choices_of_several_numbers_are_joined() -> None:
    narrow, wide = LOGITS[:3, :1], LOGITS[3:5, :2]
    known = KnownRows(6, [Part(np.arange(3), narrow), Part(np.array([3, 4]), wide)])
    read = known.read(np.array([4, 0]))
    assert read.tolist() == [LOGITS[4, :2].tolist(), [LOGITS[0, 0], ABSENT]]
    (joined,) = known.completed(iter([LOGITS[5:6, :2]]))
    assert joined.tolist() == [*([one, ABSENT] for one in narrow[:, 0]), *wide.tolist(), LOGITS[5, :2].tolist()]
