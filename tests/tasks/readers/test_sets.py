"""Data by name: kinds, splits, several test sets; what is left out is left out everywhere."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers.layouts import paint

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.readers import open_data, open_sets, parse_tests
from radin.tasks.readers.sets import parse_spec


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for split in ("train", "val"):
        for seed, name in enumerate(["cat/1.png", "cat/2.png", "big_dog/1.png"]):
            paint(tmp_path / "pets" / split / name, seed + (split == "val") * 10)
    return tmp_path / "pets"


def test_specs_name_kind_split_and_path() -> None:
    request = parse_spec("imagenet/heldout:/data/imagenet")
    assert (request.kind, request.split, request.path) == ("imagenet", "heldout", Path("/data/imagenet"))
    assert parse_spec("imagenet//lists/a.npy:/data").split == "/lists/a.npy"
    assert (parse_spec("some/folder").kind, parse_spec("some/folder").path) == ("folder", Path("some/folder"))
    assert parse_spec("C:/data/x").kind == "folder"
    assert parse_spec("folder:imagenet:x").path == Path("imagenet:x")
    with pytest.raises(InputError, match="no kind of data 'imagnet'; known are folder, cifar10"):
        parse_spec("imagnet:/data")
    with pytest.raises(InputError, match="expected a path after the colon, such as cifar10:data/cifar10"):
        parse_spec("cifar10:")


def test_test_sets_have_names(tmp_path: Path) -> None:
    assert parse_tests("val/") == "val/"
    assert parse_tests("v2=imagenet-v2:a,r=imagenet-r:b/c") == {"v2": "imagenet-v2:a", "r": "imagenet-r:b/c"}
    assert parse_tests({"v2": tmp_path}) == {"v2": str(tmp_path)}
    (tmp_path / "a=b").mkdir()
    assert parse_tests(tmp_path / "a=b") == str(tmp_path / "a=b")
    with pytest.raises(InputError, match="expected NAME=SPEC,NAME=SPEC"):
        parse_tests("v2=a,b")
    with pytest.raises(InputError, match="two test sets have the same name"):
        parse_tests("v2=a,v2=b")


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


def test_test_sets_take_the_classes_of_the_data(pets: Path, tmp_path: Path) -> None:
    paint(tmp_path / "more" / "cat" / "1.png", 5)
    sets = open_sets(pets / "train", tmp_path / "more")
    assert sets.test.labels.tolist() == [1]
    paint(tmp_path / "more" / "emu" / "1.png", 5)
    with pytest.raises(DataError, match="folder 'emu' is none of the 2 classes"):
        open_sets(pets / "train", tmp_path / "more")
    assert open_sets(pets / "train").test is None


def test_an_unreadable_image_stops_or_is_left_out(pets: Path) -> None:
    bad = pets / "train" / "cat" / "1.png"
    bad.write_bytes(bad.read_bytes()[:60])
    images = open_data(pets / "train")
    with pytest.raises(DataError, match=r"cat/1\.png: cannot be read as an image"):
        images[1]
    assert len(images) == 3
    skipping = open_data(pets / "train", corrupt="skip")
    assert skipping.labels.tolist() == [0, 1]
    assert skipping.skipped == 1
    assert "1 of 3 images cannot be read and are left out, such as" in skipping.remarks[0]
    assert str(bad) in skipping.remarks[0]
    assert [label for _, label in (skipping[i] for i in range(2))] == [0, 1]
    assert skipping.fingerprint() != images.fingerprint()
    with pytest.raises(InputError, match="corrupt must be 'stop' or 'skip'"):
        open_data(pets / "train", corrupt="ignore")


def test_what_was_found_unreadable_is_remembered(pets: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bad = pets / "train" / "big_dog" / "1.png"
    bad.write_text("no image")
    memory: dict[str, str] = {}
    first = open_data(pets / "train", corrupt="skip")
    first.survey(memory)
    second = open_data(pets / "train", corrupt="skip")
    with monkeypatch.context() as patch:
        patch.setattr(type(second), "open", lambda self, row: pytest.fail("read again"))
        second.survey(memory)
    assert second.skipped == first.skipped == 1
    assert second.fingerprint() == first.fingerprint()
    for name in ("cat/1.png", "cat/2.png"):
        (pets / "train" / name).write_text("no image")
    with pytest.raises(DataError, match="none of 3 images can be read"):
        len(open_data(pets / "train", corrupt="skip"))


def test_a_part_of_the_data_reads_no_other_file(pets: Path) -> None:
    images = open_data(pets / "train", corrupt="skip").take(np.array([2]))
    (pets / "train" / "big_dog" / "1.png").write_text("no image")
    assert (len(images), images.skipped, images.labels.tolist()) == (1, 0, [1])


def test_nothing_but_pillow_is_imported(pets: Path) -> None:
    """Where torchvision does not import, neither do timm and open_clip."""
    script = (
        "import sys\n"
        "sys.modules.update(dict.fromkeys(['torchvision', 'timm', 'open_clip']))\n"
        "import radin\n"
        "from radin.tasks.readers import open_data\n"
        "from radin.tasks.readers.wordnet import imagenet_wnids\n"
        f"images = open_data({str(pets / 'val')!r}, corrupt='skip')\n"
        "print(tuple(images[0][0].shape), len(radin.Task(lambda: None, images).rows), len(images.fingerprint()))\n"
        "print('torchvision' in dir(), sys.modules['timm'])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.stdout.split("\n")[:2] == ["(3, 6, 8) 3 64", "False None"], done.stderr
