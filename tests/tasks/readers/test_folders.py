"""Folders of classes, and folders of splits that must not be taken for classes."""

from pathlib import Path

import pytest
from helpers.layouts import paint

from radin.errors import InputError, MissingFileError
from radin.tasks.readers import open_data


def test_a_folder_of_splits_is_not_taken_for_classes(pets: Path) -> None:
    with pytest.raises(InputError, match=r"holds the splits train, val, not classes; choose one.*split='val'"):
        open_data(pets)
    (pets / "val").rename(pets / "Holdout")
    with pytest.raises(InputError, match=r"the splits Holdout, train, not classes; give one, .*Holdout"):
        open_data(pets, role="test")
    (pets / "Holdout").rename(pets / "val")
    images = open_data(pets, split="val")
    assert images.classes == ("big_dog", "cat")
    assert images.titles == ("big dog", "cat")
    assert (
        images.fingerprint() == open_data(f"folder/val:{pets}").fingerprint() == open_data(pets / "val").fingerprint()
    )
    with pytest.raises(InputError, match="names another one"):
        open_data(f"folder/val:{pets}", split="train")
    with pytest.raises(MissingFileError, match="other: no such folder"):
        open_data(pets, split="other")


def test_splits_are_seen_beside_other_folders(pets: Path) -> None:
    (pets / "notes").mkdir()
    with pytest.raises(InputError, match=r"holds the splits train, val, not classes"):
        open_data(pets)


def test_classes_may_be_called_as_splits_are(tmp_path: Path) -> None:
    for name in ("train", "test"):
        paint(tmp_path / name / "1.png", 5)
    assert open_data(tmp_path).classes == ("test", "train")
