"""Requests: splits and classes that are asked for, against those that there are."""

from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import paint

from radin.errors import InputError, MissingFileError
from radin.tasks.images import ImageFolder
from radin.tasks.readers.request import Request, existing, part_of_training

SPLITS = ("train", "val")


def request(**fields: object) -> Request:
    return Request("pets", Path("data"), **fields)


def test_the_split_is_the_one_asked_for_or_the_default_of_the_role() -> None:
    assert request(split="val").one_of(SPLITS, data="train", test="val") == "val"
    assert request().one_of(SPLITS, data="train", test="val") == "train"
    assert request(role="test").one_of(SPLITS, data="train", test="val") == "val"
    with pytest.raises(InputError, match="pets has no split 'vall'; it has: train, val"):
        request(split="vall").one_of(SPLITS, data="train", test="val")


def test_data_without_splits_take_none() -> None:
    request().no_split()
    with pytest.raises(InputError, match="pets has no splits, but 'val' was asked for"):
        request(split="val").no_split()


def test_own_classes_must_be_those_asked_for() -> None:
    assert request().own_classes(["cat", "dog"]) == ("cat", "dog")
    assert request(classes=("cat", "dog")).own_classes(["cat", "dog"]) == ("cat", "dog")
    with pytest.raises(InputError, match="class 0 is 'cat', not 'dog'"):
        request(classes=("dog", "cat")).own_classes(["cat", "dog"])
    with pytest.raises(InputError, match="pets has 2 classes in an order of its own, but the head has 1"):
        request(classes=("cat",)).own_classes(["cat", "dog"])


def test_images_are_made_with_what_was_asked_for() -> None:
    assert request(transform=str, corrupt="skip").settings == {"transform": str, "corrupt": "skip"}


def test_heldout_and_rest_share_the_training_set(tmp_path: Path) -> None:
    for i in range(10):
        paint(tmp_path / ("cat" if i < 6 else "dog") / f"{i}.png", i)
    images = ImageFolder(tmp_path)
    held, rest = (part_of_training(split, images, 0.5, seed=3) for split in ("heldout", "rest"))
    assert np.bincount(held.labels).tolist() == [3, 2]
    assert sorted([*held.rows, *rest.rows]) == list(range(10))
    assert part_of_training("heldout", images, 0.5, seed=3).rows.tolist() == held.rows.tolist()
    assert part_of_training("heldout", images, 0.001, seed=3).rows.size == 1
    assert part_of_training("train", images, 0.5, seed=3) is images


def test_a_folder_is_there_or_named(tmp_path: Path) -> None:
    assert existing(tmp_path, "images") == tmp_path
    with pytest.raises(MissingFileError, match="gone: no such folder; expected images"):
        existing(tmp_path / "gone", "images")
