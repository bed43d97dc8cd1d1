"""Labels in files of every form, and what is refused, with the line."""

import errno

import numpy as np
import pytest

from radin.errors import DataError, MissingFileError, StorageError
from radin.scoring.label_files import labels_beside, load_array, read_labels


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.txt", "2\n0\n\n1\n", [2, 0, 1]),
        ("b.txt", "0 1\n1,0\n", [[0, 1], [1, 0]]),
        ("c.txt", "0.5\n2\n", [0.5, 2.0]),
        ("a.csv", "2\n0\n1\n", [2, 0, 1]),
        ("b.csv", 'file,label\nx.png, 2\n"y,1.png",0\n', [2, 0]),
        ("c.csv", "species\n1\n0\n", [1, 0]),
        ("d.csv", "0,1\n1,1\n", [[0, 1], [1, 1]]),
        ("a.json", "[2, 0, 1]", [2, 0, 1]),
        ("b.json", '{"labels": [0.5, 1.5], "more": 1}', [0.5, 1.5]),
    ],
)
def test_labels_are_numbers_whole_where_they_have_no_point(tmp_path, name, text, expected):
    (tmp_path / name).write_text(text)
    found = read_labels(tmp_path / name)
    np.testing.assert_array_equal(found, expected)
    assert found.dtype.kind == np.array(expected).dtype.kind


def test_a_mark_of_byte_order_and_crlf_do_no_harm(tmp_path):
    (tmp_path / "labels.csv").write_bytes(b"\xef\xbb\xbflabel\r\n1\r\n0\r\n")
    np.testing.assert_array_equal(read_labels(tmp_path / "labels.csv"), [1, 0])


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("a.txt", "0\ncat\n", "a.txt, line 2: expected a number, got 'cat'"),
        ("a.txt", "0\n0 1\n", "line 2: expected 1 numbers, as on the first, got 2"),
        ("a.txt", "\n", "found none"),
        ("a.csv", "", "found none"),
        ("a.csv", "label\n", "found none"),
        ("a.csv", "x,y\n0,1\n", "expected a column called label, got 'x', 'y'"),
        ("a.csv", "x,label\n0,1\n0\n", "line 3"),
        ("a.json", "[0,", "expected labels as JSON"),
        ("a.json", '{"y": [0]}', "got an object with 'y'"),
        ("a.json", "[[0], [0, 1]]", "equal length"),
        ("a.json", '["a"]', "expected a list of numbers"),
        ("a.json", "3", "expected a list of numbers"),
        ("a.dat", "0", "expected labels in a file with one of"),
    ],
)
def test_what_holds_no_labels_is_refused(tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    with pytest.raises(DataError) as error:
        read_labels(tmp_path / name)
    assert said in str(error.value)


def test_text_in_another_encoding_and_missing_files_are_named(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"\xff\xfe1\x00")
    with pytest.raises(DataError, match="UTF-8"):
        read_labels(tmp_path / "a.txt")
    with pytest.raises(MissingFileError, match=r"b\.txt: expected the labels"):
        read_labels(tmp_path / "b.txt")


def test_of_several_files_the_array_comes_first(tmp_path):
    assert labels_beside(tmp_path).name == "labels.npy"
    (tmp_path / "labels.txt").write_text("0\n")
    assert labels_beside(tmp_path).name == "labels.txt"
    (tmp_path / "labels.csv").write_text("0\n")
    with pytest.raises(DataError, match=r"labels\.csv and labels\.txt"):
        labels_beside(tmp_path)
    np.save(tmp_path / "labels.npy", np.zeros(1, dtype=np.int64))
    assert labels_beside(tmp_path).name == "labels.npy"


def test_what_is_no_array_of_numbers_says_what_it_is(tmp_path):
    (tmp_path / "text.npy").write_text("0 1 2")
    np.save(tmp_path / "objects.npy", np.array([{"a": 1}, None], dtype=object), allow_pickle=True)
    np.save(tmp_path / "cut.npy", np.arange(100.0))
    (tmp_path / "cut.npy").write_bytes((tmp_path / "cut.npy").read_bytes()[:-9])
    said = {
        "text": "another kind; write it with numpy.save",
        "objects": "Python objects; save it as",
        "cut": "cut short",
    }
    for name, words in said.items():
        with pytest.raises(DataError, match=f"{name}\\.npy: .*{words}") as caught:
            load_array(tmp_path / f"{name}.npy")
        assert "pickle" not in str(caught.value)


def test_an_array_that_may_not_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    np.save(tmp_path / "a.npy", np.arange(3))
    raised: OSError = PermissionError(errno.EACCES, "Permission denied", "a.npy")

    def refuse(path):
        raise raised

    monkeypatch.setattr("radin.common.mapped.MappedArray.load", refuse)
    with pytest.raises(DataError, match=r"could not read it: Permission denied$"):
        load_array(tmp_path / "a.npy")
    raised = StorageError(errno.EMFILE, "raise its limit")
    with pytest.raises(StorageError, match="raise its limit"):
        load_array(tmp_path / "a.npy")
