"""Lists that choose rows of a training set, in every form."""

import json
from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import imagenet

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers import open_data
from radin.tasks.readers.lists import chosen_rows


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imagenet(tmp_path_factory.mktemp("data"))


def chosen(root: Path, file: Path) -> list[str]:
    images = open_data(f"imagenet:{root}", split=str(file))
    return [images.name(row) for row in images.rows.tolist()]


def test_every_form_of_an_index_list_chooses_the_same(root: Path, tmp_path: Path) -> None:
    train = open_data(f"imagenet/train:{root}")
    rows = [1, 17, 59]
    expected = [train.name(row) for row in rows]
    mask = np.zeros(60)  # the file of model-soups is such an array of floats
    mask[rows] = 1
    np.save(tmp_path / "imagenet_98_idxs.npy", mask)
    np.save(tmp_path / "places.npy", np.array(rows[::-1]))
    (tmp_path / "places.json").write_text(json.dumps(rows))
    (tmp_path / "paths.json").write_text(json.dumps(expected))
    (tmp_path / "places.txt").write_text("\n".join(map(str, rows)))
    (tmp_path / "paths.txt").write_text("".join(f"train/{name}\n" for name in expected))
    lists = sorted(tmp_path.iterdir())
    assert len(lists) == 6
    for file in lists:
        assert chosen(root, file) == expected, file
    assert len(open_data(f"imagenet/{lists[0]}:{root}")) == 3  # also in the name itself


@pytest.mark.parametrize(
    ("content", "error", "message"),
    [
        ("[1, 60]", DataError, "index 60 is out of range; the training set has 60 images"),
        ("[0, 1, 1, 0]", DataError, "one 0 or 1 for each of 4 images, but the training set has 60"),
        ('["n00000000/x.JPEG"]', DataError, "1 of 1 paths are not in the training set: n00000000/x.JPEG"),
        ('["a", 1]', InputError, "either paths or indices, got both"),
        ("[1.5]", InputError, "expected a list of paths, of indices, or of 0 and 1"),
        ("[[1], [2, 3]]", InputError, "expected a list of paths, of indices, or of 0 and 1"),
        ("[1, -2]", DataError, "index -2 is out of range"),
        ("[]", InputError, "without entries"),
        ("{", InputError, "cannot be read as a list"),
    ],
)
def test_a_list_that_does_not_fit_is_refused(
    root: Path, tmp_path: Path, content: str, error: type, message: str
) -> None:
    file = tmp_path / "list.json"
    file.write_text(content)
    with pytest.raises(error, match=message):
        chosen(root, file)


def test_rows_come_in_ascending_order_each_once(tmp_path: Path) -> None:
    names = ["a/1.png", "a/2.png", "b/1.png"]
    for entries, rows in ((["b/1.png", "./train/a/1.png", "b/1.png"], [0, 2]), ([2, 0], [0, 2]), ([0, 1, 0], [1])):
        (tmp_path / "list.json").write_text(json.dumps(entries))
        assert chosen_rows(tmp_path / "list.json", names).tolist() == rows
    with pytest.raises(MissingFileError, match="expected a list of paths or indices"):
        chosen_rows(tmp_path / "gone.json", names)
