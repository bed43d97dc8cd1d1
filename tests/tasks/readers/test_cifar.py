"""CIFAR in its own files: both formats give the same images, and pickles run no code."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import CIFAR10, cifar10, cifar100, cifar_arrays, python2_pickle

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers import open_data


def pixels_of(images) -> np.ndarray:
    return np.stack([np.asarray(images.open(row)) for row in images.rows.tolist()])


@pytest.mark.parametrize(("make", "kind", "n_classes"), [(cifar10, "cifar10", 10), (cifar100, "cifar100", 100)])
@pytest.mark.parametrize("split", ["train", "test"])
def test_both_formats_give_the_same_images_and_labels(
    tmp_path: Path, make, kind: str, n_classes: int, split: str
) -> None:
    written = make(tmp_path)
    made = [open_data(f"{kind}/{split}:{place}") for place in (written, tmp_path)]
    made.append(open_data(f"{kind}/{split}:{make(tmp_path / 'binary', binary=True)}"))
    rows, labels = cifar_arrays(split, len(made[0]), n_classes)
    for images in made:
        assert images.labels.tolist() == labels.tolist()
        np.testing.assert_array_equal(pixels_of(images), rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1))
    assert len({images.fingerprint() for images in made}) == 1


def test_classes_are_named_and_a_plain_path_is_recognised(tmp_path: Path) -> None:
    images = open_data(cifar10(tmp_path))
    assert images.classes == tuple(CIFAR10)
    assert len(images) == 20  # the test images
    tensor, label = images[3]
    assert tensor.shape == (3, 32, 32)
    assert label == 3


def test_a_pickle_of_python_3_is_read_too(tmp_path: Path) -> None:
    root = cifar10(tmp_path)
    expected = open_data(root).fingerprint()
    rows, labels = cifar_arrays("test", 20, 10)
    for protocol in (2, 4):
        (root / "test_batch").write_bytes(pickle.dumps({"data": rows, "labels": labels.tolist()}, protocol))
        assert open_data(root).fingerprint() == expected


def test_heldout_and_rest_are_the_training_set(tmp_path: Path) -> None:
    root = cifar10(tmp_path)
    held, rest = (open_data(root, split=split) for split in ("heldout", "rest"))
    assert sorted([*held.rows, *rest.rows]) == list(range(100))
    assert np.bincount(held.labels).tolist() == [1] * 10
    assert open_data(root, split="heldout").rows.tolist() == held.rows.tolist()
    assert open_data(root, split="heldout", seed=1).rows.tolist() != held.rows.tolist()


def test_damaged_and_foreign_files_are_named(tmp_path: Path) -> None:
    root = cifar10(tmp_path)
    good = (root / "test_batch").read_bytes()
    for content in (good[:-500], b"", python2_pickle({"other": 1}), python2_pickle([1])):
        (root / "test_batch").write_bytes(content)
        with pytest.raises(DataError, match="test_batch"):
            open_data(root)
    binary = cifar10(tmp_path / "b", binary=True)
    (binary / "test_batch.bin").write_bytes(b"\0" * 3000)
    with pytest.raises(DataError, match=r"test_batch\.bin: expected records of 3073 bytes, got 3000"):
        open_data(binary)
    (binary / "test_batch.bin").write_bytes(b"\x0b" + b"\0" * 3072)
    with pytest.raises(DataError, match="label 11 is out of range"):
        open_data(binary)


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"expected the files of cifar10: cifar-10-batches-py"):
        open_data(f"cifar10:{tmp_path}")
    root = cifar10(tmp_path)
    with pytest.raises(InputError, match="no split 'val'; it has: train, test, heldout, rest"):
        open_data(root, split="val")
    with pytest.raises(InputError, match="class 0 is 'airplane', not 'truck'"):
        open_data(root, classes=CIFAR10[::-1])
