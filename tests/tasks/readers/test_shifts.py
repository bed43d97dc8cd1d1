"""Shifted test sets of ImageNet: labels within a subset of the classes, and the columns that stand for them."""

from pathlib import Path

import pytest
import torch
from helpers.layouts import PLACES, by_wnid, imagenet_v2, objectnet, paint, wnids

import radin
from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers import open_data, open_sets
from radin.tasks.readers.wordnet import imagenet_wnids


def columns_of_samples(images) -> list[tuple[int, ...]]:
    return [images.columns[label] for label in images.labels]


def test_numbered_folders_are_read_as_numbers(tmp_path: Path) -> None:
    images = open_data(f"imagenet-v2:{imagenet_v2(tmp_path)}", role="test")
    assert columns_of_samples(images) == [(place,) for place in PLACES for _ in range(2)]
    assert images.classes == tuple(wnids())
    for row in range(len(images)):
        assert images.paths[row].parent.name == str(images.columns[images.labels[row]][0])


@pytest.mark.parametrize("name", ["imagenet-r", "imagenet-sketch", "imagenet-a"])
def test_folders_named_by_class_become_columns(tmp_path: Path, name: str) -> None:
    places = (6, 11, 999)
    images = open_data(f"{name}:{by_wnid(tmp_path, name, places)}", role="test")
    assert images.columns == ((6,), (11,), (999,))
    assert images.labels.tolist() == [0, 0, 1, 1, 2, 2]


def test_columns_follow_the_classes_of_the_data(tmp_path: Path) -> None:
    paint(tmp_path / "val" / imagenet_wnids()[999] / "a.png", 0)
    paint(tmp_path / "val" / imagenet_wnids()[11] / "a.png", 0)
    spec = {"r": f"imagenet-r:{by_wnid(tmp_path, 'imagenet-r', (6, 11, 999))}"}
    sets = open_sets(tmp_path / "val", spec)
    assert sets.test["r"].remarks == ("1 of its 3 classes are left out, since the network does not know them",)
    assert sets.test["r"].columns is None  # what is left are all classes, in the columns' order
    other = open_sets(tmp_path / "val", spec, classes=sets.classes[::-1]).test["r"]
    assert [other.paths[row].parent.name for row in range(2)] == [sets.classes[0]] * 2
    assert other.labels.tolist() == [1, 1, 0, 0]


def test_foreign_folders_are_refused(tmp_path: Path) -> None:
    paint(tmp_path / "r" / "cat" / "a.png", 0)
    with pytest.raises(DataError, match=r"expected folders named by the WordNet identifiers.*got cat"):
        open_data(f"imagenet-r:{tmp_path / 'r'}")
    paint(tmp_path / "v2" / "1000" / "a.png", 0)
    with pytest.raises(DataError, match="expected folders named 0 to 999, got 1000"):
        open_data(f"imagenet-v2:{tmp_path / 'v2'}")
    with pytest.raises(InputError, match="imagenet-r has no splits, but 'val' was asked for"):
        open_data(f"imagenet-r/val:{tmp_path / 'r'}")
    with pytest.raises(MissingFileError, match="nowhere: no such folder"):
        open_data(f"objectnet:{tmp_path / 'nowhere'}")


def test_what_selects_is_labelled_among_all_classes(tmp_path: Path) -> None:
    images = open_data(f"imagenet-r:{by_wnid(tmp_path, 'imagenet-r', (6, 999))}")
    assert images.columns is None
    assert images.labels.tolist() == [6, 6, 999, 999]
    with pytest.raises(InputError, match="can only report; give them as a test set"):
        radin.Task(torch.nn.Identity, open_data(f"objectnet:{objectnet(tmp_path)}"))
