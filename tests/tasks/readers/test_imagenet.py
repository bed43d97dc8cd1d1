"""ImageNet in its usual folders, and lists of what is held out of its training set."""

from pathlib import Path

import pytest
from helpers.layouts import PLACES, imagenet, paint, wnids

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers import open_data
from radin.tasks.readers.imagenet import HELD_OUT


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return imagenet(tmp_path_factory.mktemp("data"))


def test_the_classes_are_the_1000_although_few_are_there(root: Path) -> None:
    images = open_data(f"imagenet/val:{root}")
    assert len(images.classes) == 1000
    assert list(images.classes) == sorted(images.classes)
    assert images.labels.tolist() == [place for place in PLACES for _ in range(3)]
    assert (images.titles[0], images.titles[1], images.titles[999]) == ("tench", "goldfish", "toilet tissue")
    assert images.columns is None


def test_heldout_is_drawn_from_the_training_set_by_a_seed(root: Path) -> None:
    held, rest = open_data(f"imagenet:{root}"), open_data(f"imagenet/rest:{root}")
    assert len(held) == max(1, round(HELD_OUT * 60))
    names = [images.name(row) for images in (held, rest) for row in images.rows.tolist()]
    assert len(set(names)) == 60
    assert all(name.startswith("n") for name in names)
    assert len(open_data(f"imagenet:{root}", role="test")) == 18  # a test set is `val` by default


def flat(folder: Path) -> tuple[Path, list[str]]:
    """A validation set without folders: six images, one of each class, not in the order of the classes."""
    order = wnids()[::-1]
    for i in range(len(order)):
        paint(folder / "val" / f"ILSVRC2012_val_{i + 1:08d}.JPEG", i)
    return folder, order


def test_a_flat_validation_set_takes_labels_from_each_usual_file(tmp_path: Path) -> None:
    root, order = flat(tmp_path)
    stems = [f"ILSVRC2012_val_{i + 1:08d}" for i in range(6)]
    files = {
        "LOC_val_solution.csv": "ImageId,PredictionString\n"
        + "".join(f"{stem},{wnid} 85 1 499 272\n" for stem, wnid in reversed(list(zip(stems, order, strict=True)))),
        "imagenet_2012_validation_synset_labels.txt": "".join(f"{wnid}\n" for wnid in order),
        "val.txt": "".join(f"{stem}.JPEG {place}\n" for stem, place in zip(stems, PLACES[::-1], strict=True)),
    }
    for name, content in files.items():
        (root / name).write_text(content)
        images = open_data(f"imagenet/val:{root}")
        assert images.labels.tolist() == list(PLACES[::-1]), name
        (root / name).unlink()
    with pytest.raises(MissingFileError, match=r"a file with their labels is needed.*LOC_val_solution\.csv"):
        open_data(f"imagenet/val:{root}")
    (root / "val.txt").write_text(f"{stems[0]}.JPEG 1000\n{stems[1]}.JPEG 1\n")
    with pytest.raises(DataError, match="numbers from 0 to 999, got '1000'"):
        open_data(f"imagenet/val:{root}")
    (root / "val.txt").write_text(f"{stems[0]}.JPEG 3\n")
    with pytest.raises(DataError, match="has no label for 5 of 6 images"):
        open_data(f"imagenet/val:{root}")
    (root / "val.txt").write_text(f"{stems[0]}.JPEG 3\n{stems[1]}.JPEG\n")
    with pytest.raises(DataError, match=r"an image and its class in every line, got 'ILSVRC2012_val_00000002\.JPEG'"):
        open_data(f"imagenet/val:{root}")


def test_a_flat_validation_set_says_which_classes_it_leaves_out(tmp_path: Path) -> None:
    root, order = flat(tmp_path)
    (root / "imagenet_2012_validation_synset_labels.txt").write_text("\n".join(order))
    images = open_data(f"imagenet/val:{root}", classes=order[2:4])
    assert images.labels.tolist() == [0, 1]
    assert images.remarks == ("4 of its 6 classes are left out, since the network does not know them",)
    with pytest.raises(DataError, match="none of its 6 images is of a class that the network knows"):
        open_data(f"imagenet/val:{root}", classes=["n99999999"])


def test_the_folders_of_the_kaggle_archive_are_found(tmp_path: Path) -> None:
    root, order = flat(tmp_path / "ILSVRC" / "Data" / "CLS-LOC")
    lines = [f"ILSVRC2012_val_{i + 1:08d},{wnid} 1 1 2 2" for i, wnid in enumerate(order)]
    (tmp_path / "LOC_val_solution.csv").write_text("\n".join(["ImageId,PredictionString", *lines]))
    assert open_data(f"imagenet/val:{tmp_path}").labels.tolist() == list(PLACES[::-1])
    assert root.is_dir()


def test_a_head_of_fewer_classes_leaves_the_others_out(root: Path) -> None:
    some = [wnids()[3], wnids()[0]]
    images = open_data(f"imagenet/val:{root}", classes=some)
    assert images.labels.tolist() == [1, 1, 1, 0, 0, 0]
    assert images.remarks == ("4 of its 6 classes are left out, since the network does not know them",)
    with pytest.raises(DataError, match="named by their WordNet identifiers"):
        open_data(f"imagenet/val:{root}", classes=["cat", "dog"])


def test_foreign_folders_and_missing_ones_are_named(root: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="with train/ and val/ in it"):
        open_data(f"imagenet:{tmp_path / 'nowhere'}")
    paint(tmp_path / "val" / "n01440764" / "a.png", 1)
    paint(tmp_path / "val" / "n99999999" / "a.png", 1)
    with pytest.raises(DataError, match=r"such as n01440764; got n99999999"):
        open_data(f"imagenet/val:{tmp_path}")
    with pytest.raises(MissingFileError, match="train: no such folder"):
        open_data(f"imagenet:{tmp_path}")
    with pytest.raises(InputError, match="no split 'vall'; it has: train, val, heldout, rest"):
        open_data(f"imagenet/vall:{root}")
