"""Folders of logits: labels and split beside them, and what is refused."""

import re

import numpy as np
import pytest

from radin.common.array_folder import ArrayFolder
from radin.errors import DataError, MissingFileError
from radin.scoring.logit_bank import LogitBank
from radin.scoring.logit_folder import write_labels

N, M, C = 3, 11, 4
RNG = np.random.default_rng(0)
LOGITS = RNG.normal(size=(N, M, C)).astype(np.float32)
LABELS = RNG.integers(C, size=M)


def all_rows(bank, i):
    return np.asarray(bank.read(i, 0, bank.n_samples))


def test_labels_may_lie_elsewhere_or_have_another_name(tmp_path):
    (tmp_path / "logits").mkdir()
    np.save(tmp_path / "logits" / "a.npy", LOGITS[0])
    np.save(tmp_path / "logits" / "truth.npy", LABELS)
    bank = LogitBank.from_folder(tmp_path / "logits", tmp_path / "logits" / "truth.npy")
    assert bank.names == ("a",)


def test_models_come_in_natural_order(tmp_path):
    for name in ("step10", "step9", "step100"):
        np.save(tmp_path / f"{name}.npy", LOGITS[0])
    np.save(tmp_path / "labels.npy", LABELS)
    assert LogitBank.from_folder(tmp_path).names == ("step9", "step10", "step100")


def test_folders_that_hold_no_bank_are_named(tmp_path):
    with pytest.raises(MissingFileError, match="no such folder"):
        LogitBank.from_folder(tmp_path / "nowhere")
    np.save(tmp_path / "a.npy", LOGITS[0])
    with pytest.raises(MissingFileError, match=r"labels\.npy: expected the labels"):
        LogitBank.from_folder(tmp_path)
    np.save(tmp_path / "labels.npy", LABELS)
    for content in (b"", b"no array", (tmp_path / "a.npy").read_bytes()[:100], (tmp_path / "a.npy").read_bytes()[:-8]):
        (tmp_path / "b.npy").write_bytes(content)
        with pytest.raises(DataError, match=r"b\.npy: expected a numpy array"):
            LogitBank.from_folder(tmp_path)


def test_an_array_of_pickled_objects_is_not_loaded(tmp_path):
    np.save(tmp_path / "a.npy", np.array([{"any": "object"}]), allow_pickle=True)
    np.save(tmp_path / "labels.npy", LABELS)
    with pytest.raises(DataError, match=r"a\.npy: expected a numpy array"):
        LogitBank.from_folder(tmp_path)


def test_a_folder_with_a_split_gives_the_samples_that_select(tmp_path):
    np.save(tmp_path / "a.npy", LOGITS[0])
    write_labels(tmp_path, LABELS, np.array([0, 2]))
    bank = LogitBank.from_folder(tmp_path)
    np.testing.assert_array_equal(bank.labels, LABELS[[0, 2]])
    np.testing.assert_array_equal(all_rows(bank, 0), LOGITS[0][[0, 2]])
    assert LogitBank.from_folder(tmp_path, samples="all").n_samples == len(LABELS)


def test_arrays_may_hold_the_samples_that_select_alone(tmp_path):
    split = np.array([0, 2, 5])
    np.save(tmp_path / "a.npy", LOGITS[0][split])
    np.save(tmp_path / "b.npy", LOGITS[1])  # as version 0.1 left it
    write_labels(tmp_path, LABELS, split)
    bank = LogitBank.from_folder(tmp_path)
    np.testing.assert_array_equal(bank.labels, LABELS[split])
    for i in (0, 1):
        np.testing.assert_array_equal(all_rows(bank, i), LOGITS[i][split])
    with pytest.raises(DataError, match="samples that select alone"):
        LogitBank.from_folder(tmp_path, samples="all")


def test_runs_with_all_samples_and_with_those_that_select_are_joined_where_these_are_the_same(tmp_path):
    split, folders = np.array([0, 2, 5]), [tmp_path / name for name in ("old", "new", "other")]
    for folder, array, selecting in zip(
        folders, (LOGITS[0], LOGITS[1][split], LOGITS[1][[0, 2, 6]]), ([0, 2, 5], [0, 2, 5], [0, 2, 6]), strict=True
    ):
        folder.mkdir()
        np.save(folder / "a.npy", array)
        write_labels(folder, np.zeros(M, dtype=np.int64), np.array(selecting))
    old, new, other = map(LogitBank.from_folder, folders)
    joined = LogitBank.join({"old": old, "new": new})
    np.testing.assert_array_equal(all_rows(joined, 0), LOGITS[0][split])
    np.testing.assert_array_equal(all_rows(joined, 1), LOGITS[1][split])
    np.testing.assert_array_equal(all_rows(new.take(np.array([1])), 0), LOGITS[1][[2]])
    with pytest.raises(DataError, match="other samples"):
        LogitBank.join({"new": new, "other": other})


@pytest.mark.parametrize("file", ["a.npy", "labels.npy", "split.json"])
def test_a_damaged_file_of_a_run_is_named(tmp_path, file):
    ArrayFolder(tmp_path).store("a", "key", LOGITS[0])
    write_labels(tmp_path, LABELS, np.array([0, 2]))
    assert LogitBank.from_folder(tmp_path).n_samples == 2
    content = (tmp_path / file).read_bytes()
    changed = content.replace(b"2", b"1") if file == "split.json" else content[:-1] + bytes([content[-1] ^ 1])
    (tmp_path / file).write_bytes(changed)
    with pytest.raises(DataError, match=re.escape(file)):
        LogitBank.from_folder(tmp_path)


@pytest.mark.parametrize("split", ["[0]", "{", '{"samples": 1, "selection": [0]}', '{"samples": 5, "selection": [9]}'])
def test_a_split_that_does_not_fit_is_refused(tmp_path, split):
    np.save(tmp_path / "a.npy", LOGITS[0])
    write_labels(tmp_path, LABELS)
    (tmp_path / "split.json").write_text(split)
    with pytest.raises(DataError, match=r"split\.json"):
        LogitBank.from_folder(tmp_path)
