"""Data by name: kinds, splits, several test sets; what is left out is left out everywhere."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers.layouts import paint

from radin.errors import DataError, InputError
from radin.tasks.readers import open_sets, parse_tests
from radin.tasks.readers.sets import parse_spec


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


def test_test_sets_take_the_classes_of_the_data(pets: Path, tmp_path: Path) -> None:
    paint(tmp_path / "more" / "cat" / "1.png", 5)
    sets = open_sets(pets / "train", tmp_path / "more")
    assert sets.test.labels.tolist() == [1]
    paint(tmp_path / "more" / "emu" / "1.png", 5)
    with pytest.raises(DataError, match="folder 'emu' is none of the 2 classes"):
        open_sets(pets / "train", tmp_path / "more")
    assert open_sets(pets / "train").test is None


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
