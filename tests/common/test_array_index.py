"""The index of a folder of arrays: every change is on disk, whole or not at all, and costs its own size."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from radin.common.array_index import CHANGES, INDEX, MANY, ArrayIndex, Entry
from radin.errors import StorageError


def refuse(sentence: str) -> None:
    raise AssertionError(sentence)


def found_in(folder: Path, report=refuse) -> dict[str, Entry]:
    return dict(ArrayIndex(folder, report=report, read_only=True).items())


def large(folder: Path, n: int = MANY) -> ArrayIndex:
    """An index at its limit; the next change is appended."""
    index = ArrayIndex(folder, report=refuse)
    index.change({f"run{i}": {"key": f"key {i}"} for i in range(n)})
    assert not (folder / CHANGES).exists() or n < MANY
    return index


@settings(max_examples=15)
@given(st.lists(st.tuples(st.integers(0, MANY + 20), st.booleans()), max_size=8))
def test_another_process_reads_what_was_changed_in_its_order(tmp_path_factory, steps) -> None:
    folder = tmp_path_factory.mktemp("index")
    index = large(folder, MANY - 2)
    expected = list(dict(index.items()))
    for i, stays in steps:
        name = f"run{i}"
        index.change({name: {"key": "new"} if stays else None})
        expected = [one for one in expected if one != name] + [name] * stays
        assert found_in(folder) == dict(index.items())
        assert list(found_in(folder)) == list(dict(index.items())) == expected
    assert (folder / INDEX).exists()


def test_a_small_index_is_one_file_that_anyone_can_read(tmp_path: Path) -> None:
    index = ArrayIndex(tmp_path, report=refuse)
    for i in range(3):
        index.change({f"run{i}": {"key": "k"}})
        assert list(json.loads((tmp_path / INDEX).read_text())) == [f"run{j}" for j in range(i + 1)]
    assert [file.name for file in tmp_path.iterdir()] == [INDEX]


def test_changes_of_a_large_one_write_as_many_bytes_as_they_have(tmp_path: Path) -> None:
    """An index that is written whole each time writes the square of its entries."""
    index, written, before = large(tmp_path), 0, ("", 0)
    for i in range(3 * MANY):
        index.change({f"more{i}": {"key": f"key {i}"}})
        whole = (tmp_path / INDEX).stat()
        if (whole.st_ino, whole.st_mtime_ns) != before:
            before = whole.st_ino, whole.st_mtime_ns
            written += whole.st_size
    kept = whole.st_size * len(dict(index.items())) / len(json.loads((tmp_path / INDEX).read_text()))
    assert written < 5 * kept
    assert found_in(tmp_path) == dict(index.items())


def test_a_change_that_was_cut_off_was_not_made_and_the_next_one_is(tmp_path: Path) -> None:
    index = large(tmp_path)
    index.change({"a": {"key": "a"}})
    before, kept = found_in(tmp_path), (tmp_path / CHANGES).read_bytes()
    index.change({"run0": {"key": "b, b"}})
    after, content = found_in(tmp_path), (tmp_path / CHANGES).read_bytes()
    assert before != after
    for cut in range(len(kept), len(content)):
        (tmp_path / CHANGES).write_bytes(content[:cut])
        assert found_in(tmp_path) == before
    again = ArrayIndex(tmp_path, report=refuse)
    again.change({"c": {"key": "c"}})
    assert found_in(tmp_path) == dict(again.items())
    assert list(found_in(tmp_path)) == [*before, "c"]


def test_a_process_that_is_killed_before_it_removes_the_changes_loses_none(tmp_path: Path) -> None:
    index = large(tmp_path)
    index.change({"a": {"key": "first"}})
    index.change({"a": None, "run1": {"key": "second"}})
    changes = (tmp_path / CHANGES).read_bytes()
    while (tmp_path / CHANGES).exists():
        changes = (tmp_path / CHANGES).read_bytes()
        index.change({"b": {"key": f"third {len(changes)}"}})
    lines = dict(index.items())
    left = changes + json.dumps(["b", lines["b"]]).encode() + b"\n"
    (tmp_path / CHANGES).write_bytes(left)
    assert found_in(tmp_path) == lines


@pytest.mark.parametrize(
    "line", [b"{", b"[]", b"3", b'["a"]', b"\xff\xfe", b'["a", {"key": "k", "seal": "0"}]', b"[1, null]"]
)
def test_a_damaged_line_is_reported_and_the_others_count(tmp_path: Path, line: bytes) -> None:
    index = large(tmp_path)
    index.change({"a": {"key": "a"}})
    index.change({"b": {"key": "b"}})
    _, second = (tmp_path / CHANGES).read_bytes().splitlines(keepends=True)
    (tmp_path / CHANGES).write_bytes(line + b"\n" + second)
    said: list[str] = []
    damaged = ArrayIndex(tmp_path, report=said.append)
    assert damaged.is_damaged and "a" not in damaged and "b" in damaged
    assert said == [f"{tmp_path / CHANGES} is damaged in 1 of 2 lines"]


def test_what_is_only_read_is_left_as_it_is(tmp_path: Path) -> None:
    large(tmp_path).change({"a": {"key": "a"}})
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    index = ArrayIndex(tmp_path, report=refuse, read_only=True)
    index.change({"b": {"key": "b"}})
    assert "b" in index
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_an_index_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    index = large(tmp_path)
    (tmp_path / CHANGES).mkdir()
    with pytest.raises(StorageError, match=rf"{CHANGES}: could not be written: it is a folder"):
        index.change({"a": {"key": "a"}})
