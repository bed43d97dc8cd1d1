"""Arrays on disk: found by name and key, complete or absent, and believed only if they are whole."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import radin.common.array_folder
from radin.common.array_folder import ArrayFolder
from radin.common.files import file_fingerprint
from radin.errors import DataError, StorageError
from radin.scoring.logit_bank import LogitBank
from radin.scoring.logit_folder import write_labels

M, C = 11, 4
LOGITS = np.random.default_rng(0).normal(size=(3, M, C)).astype(np.float32)
LABELS = np.random.default_rng(1).integers(C, size=M)


def store(folder, name, key, array, **about):
    with folder.writing(name, key, len(array), about) as append:
        for start in range(0, len(array), 4):
            append(array[start : start + 4])


def test_logits_written_in_batches_are_found_by_name_and_key(tmp_path):
    folder = ArrayFolder(tmp_path / "logits")
    assert folder.get("a", "key") is None and folder.keys() == set()
    store(folder, "a", "key", LOGITS[0], recipe={"a": 1.0})
    for seen_by in (folder, ArrayFolder(tmp_path / "logits")):
        found = seen_by.get("a", "key")
        assert found.dtype == np.float32 and not found.flags.writeable
        np.testing.assert_array_equal(found, LOGITS[0])
        assert seen_by.get("a", "another key") is None
        assert seen_by.get("b", "key") is None
        assert seen_by.keys() == {"key"}
    index = json.loads((tmp_path / "logits" / "index.json").read_text())
    assert (index["a"]["key"], index["a"]["recipe"]) == ("key", {"a": 1.0})
    assert index["a"]["sha256"] == file_fingerprint(tmp_path / "logits" / "a.npy")


def test_the_folder_is_a_bank_whatever_the_ingredients_are_called(tmp_path):
    strange = ["labels", "a/b", "a%2Fb", ".hidden", "index", "lr=1e-3, é", "..", "x.npy", "LABELS"]
    names = sorted([*strange, *("模" * 70 + end for end in ("", "%20", "/ "))])
    folder = ArrayFolder(tmp_path)
    for i, name in enumerate(names):
        store(folder, name, f"key{i}", LOGITS[0] + np.float32(i))
    write_labels(tmp_path, LABELS)
    bank = LogitBank.from_folder(tmp_path)
    assert sorted(bank.names) == names
    for i, name in enumerate(names):
        np.testing.assert_array_equal(folder.get(name, f"key{i}"), LOGITS[0] + np.float32(i))
        np.testing.assert_array_equal(bank.read(bank.names.index(name), 0, M), LOGITS[0] + np.float32(i))


def test_the_index_is_read_as_it_was_written_whatever_the_locale(tmp_path):
    store(ArrayFolder(tmp_path), "é", "key", LOGITS[0])
    code = "import sys; from radin.common.array_folder import ArrayFolder; print(*ArrayFolder(sys.argv[1]).keys())"
    command = [sys.executable, "-X", "utf8=0", "-c", code, str(tmp_path)]
    ascii_alone = os.environ | {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0"}
    run = subprocess.run(command, check=False, capture_output=True, text=True, env=ascii_alone)
    assert run.stdout == "key\n", run.stderr


def test_an_error_while_writing_leaves_the_old_logits(tmp_path):
    folder = ArrayFolder(tmp_path)
    store(folder, "a", "old", LOGITS[0])
    with pytest.raises(DataError), folder.writing("a", "new", M, {}) as append:
        append(LOGITS[1][:4])
        raise DataError("the network's own")
    for seen_by in (folder, ArrayFolder(tmp_path)):
        np.testing.assert_array_equal(seen_by.get("a", "old"), LOGITS[0])
        assert seen_by.get("a", "new") is None


def test_an_entry_whose_file_was_deleted_is_gone(tmp_path):
    folder = ArrayFolder(tmp_path)
    store(folder, "a", "key", LOGITS[0])
    (tmp_path / "a.npy").unlink()
    assert folder.get("a", "key") is None
    assert folder.keys() == set()


KILLED = """
import os, signal, sys
import numpy as np
from radin.common.array_folder import ArrayFolder
from radin.common.array_index import ArrayIndex

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

folder, moment = ArrayFolder(sys.argv[1]), sys.argv[2]
change, left = ArrayIndex.change, {"before the file": 0, "after the file": 1}.get(moment)

def stop(index, changes):
    global left
    if not left:
        kill()
    left -= 1
    change(index, changes)

if left is not None:
    ArrayIndex.change = stop
with folder.writing("a", "new", 11, {}) as append:
    append(np.ones((4, 4), dtype=np.float32))
    if moment == "in a batch":
        kill()
    append(np.ones((7, 4), dtype=np.float32))
"""


@pytest.mark.parametrize("moment", ["in a batch", "before the file", "after the file"])
def test_logits_of_a_killed_process_are_never_taken_for_others(tmp_path, moment):
    store(ArrayFolder(tmp_path), "a", "old", LOGITS[0])
    store(ArrayFolder(tmp_path), "b", "other", LOGITS[1])
    killed = subprocess.run([sys.executable, "-c", KILLED, tmp_path, moment], check=False)
    assert killed.returncode == -signal.SIGKILL
    folder = ArrayFolder(tmp_path)
    old = folder.get("a", "old")
    assert old is None or np.array_equal(old, LOGITS[0]), "the new file must not pass for the old entry"
    assert folder.get("a", "new") is None
    np.testing.assert_array_equal(folder.get("b", "other"), LOGITS[1])
    store(folder, "a", "new", LOGITS[2])
    np.testing.assert_array_equal(ArrayFolder(tmp_path).get("a", "new"), LOGITS[2])


def test_a_full_disk_keeps_what_was_complete(tmp_path, monkeypatch):
    folder = ArrayFolder(tmp_path)
    store(folder, "a", "old", LOGITS[0])

    def full(*_):
        raise OSError(28, os.strerror(28))

    with monkeypatch.context() as patch:
        patch.setattr("radin.common.files.os.fsync", full)
        with pytest.raises(StorageError, match=r"b\.npy: could not be written \(No space left"):
            store(folder, "b", "new", LOGITS[1])
    assert ArrayFolder(tmp_path).keys() == folder.keys() == {"old"}


def damaged(file: Path, how: str) -> None:
    content = file.read_bytes()
    if how == "deleted":
        file.unlink()
    elif how == "truncated":
        file.write_bytes(content[: len(content) // 2])
    elif how == "emptied":
        file.write_bytes(b"")
    elif how == "zeroed":
        file.write_bytes(bytes(len(content)))
    else:  # a single bit of the last value
        file.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))


@pytest.mark.parametrize("how", ["deleted", "truncated", "emptied", "zeroed", "one bit"])
@pytest.mark.parametrize("mapped", [False, True])
def test_an_array_that_is_damaged_is_removed_and_reported(tmp_path, monkeypatch, how, mapped):
    if mapped:
        monkeypatch.setattr(radin.common.array_folder, "HELD", 0)
    for name in "ab":
        store(ArrayFolder(tmp_path), name, name, LOGITS[0])
    damaged(tmp_path / "a.npy", how)
    said = []
    folder = ArrayFolder(tmp_path, report=said.append)
    assert folder.get("a", "a") is None
    assert len(said) == 1 and str(tmp_path / "a.npy") in said[0]
    assert not (tmp_path / "a.npy").exists()
    assert ArrayFolder(tmp_path).keys() == {"b"}
    assert isinstance(folder.get("b", "b"), np.memmap) == mapped
    np.testing.assert_array_equal(folder.get("b", "b"), LOGITS[0])


@pytest.mark.parametrize("how", ["deleted", "truncated", "one bit"])
def test_several_arrays_in_a_file_are_checked_likewise(tmp_path, how):
    arrays = {"mean": LOGITS[0], "variance": LOGITS[1]}
    ArrayFolder(tmp_path).store_several("x", "x", arrays)
    found = ArrayFolder(tmp_path).get_several("x", "x")
    assert found is not None
    for name, array in arrays.items():
        np.testing.assert_array_equal(found[name], array)
    damaged(tmp_path / "x.safetensors", how)
    said = []
    assert ArrayFolder(tmp_path, report=said.append).get_several("x", "x") is None
    assert "x.safetensors" in said[0]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\x00", b'{"a": 3}', b'{"a": {"key": 3}}'])
def test_a_damaged_index_is_reported_and_names_nothing(tmp_path, content):
    store(ArrayFolder(tmp_path), "a", "a", LOGITS[0])
    (tmp_path / "index.json").write_bytes(content)
    said = []
    folder = ArrayFolder(tmp_path, report=said.append)
    assert folder.get("a", "a") is None
    assert "index.json is damaged" in said[0]
    store(folder, "a", "a", LOGITS[1])
    np.testing.assert_array_equal(ArrayFolder(tmp_path).get("a", "a"), LOGITS[1])


def test_an_entry_that_was_changed_is_not_believed(tmp_path):
    store(ArrayFolder(tmp_path), "a", "old", LOGITS[0], recipe={"a": 1.0})
    index = tmp_path / "index.json"
    for before, after in (("old", "new"), ("1.0", "0.5")):
        text = index.read_text()
        index.write_text(text.replace(before, after))
        assert ArrayFolder(tmp_path).entries() == {}
        index.write_text(text)
    assert ArrayFolder(tmp_path).keys() == {"old"}


def test_what_is_only_read_is_left_as_it_is(tmp_path):
    store(ArrayFolder(tmp_path), "a", "a", LOGITS[0])
    damaged(tmp_path / "a.npy", "one bit")
    before = {file: file.read_bytes() for file in tmp_path.iterdir()}
    assert ArrayFolder(tmp_path, read_only=True).get("a", "a") is None
    assert {file: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_entries_without_a_checksum_are_adopted_once(tmp_path):
    """As version 0.1 wrote them: an index of keys alone, and files that are named by their key."""
    np.save(tmp_path / "a.npy", LOGITS[0])
    np.save(tmp_path / "logits-12.npy", LOGITS[1])
    (tmp_path / "index.json").write_text(json.dumps({"a": {"key": "k", "recipe": {"a": 1.0}}}))
    assert ArrayFolder(tmp_path, read_only=True).get("a", "k") is not None
    folder = ArrayFolder(tmp_path)
    assert (folder.adopt(by_name=True), folder.adopt(by_name=True)) == (2, 0)
    again = ArrayFolder(tmp_path)
    np.testing.assert_array_equal(again.get("a", "k"), LOGITS[0])
    np.testing.assert_array_equal(again.get("logits-12", "logits-12"), LOGITS[1])
    assert again.entries()["a"]["recipe"] == {"a": 1.0}
