"""Image folders: labels without reading images, fingerprints that see every change, damaged files named."""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.batches import Fingerprinted
from radin.tasks.data import Rows
from radin.tasks.images import ImageFolder


def paint(path: Path, seed: int, *, mode: str = "RGB", size: tuple[int, int] = (4, 3)) -> np.ndarray:
    """Writes a random image and returns its pixels."""
    path.parent.mkdir(parents=True, exist_ok=True)
    shape = (size[1], size[0]) if mode == "L" else (size[1], size[0], 3)
    pixels = np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return pixels


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "pets"
    for seed, name in enumerate(["dog/b.png", "dog/a.png", "cat/1.png", "cat/more/2.PNG", "emu/x.png"]):
        paint(folder / name, seed)
    return folder


def test_classes_are_sorted_folders_and_samples_sorted_paths(root: Path) -> None:
    images = ImageFolder(root)
    assert images.classes == ("cat", "dog", "emu")
    names = [path.relative_to(root).as_posix() for path in images.paths]
    assert names == ["cat/1.png", "cat/more/2.PNG", "dog/a.png", "dog/b.png", "emu/x.png"]
    assert images.labels.tolist() == [0, 0, 1, 1, 2]
    assert [label for _, label in (images[i] for i in range(len(images)))] == images.labels.tolist()


def test_an_image_becomes_a_tensor_in_the_unit_interval(tmp_path: Path) -> None:
    pixels = paint(tmp_path / "only" / "a.png", 7)
    tensor, label = ImageFolder(tmp_path)[0]
    assert label == 0
    np.testing.assert_array_equal(tensor.numpy(), (pixels / np.float32(255)).transpose(2, 0, 1))


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_a_transform_receives_rgb(tmp_path: Path, mode: str) -> None:
    paint(tmp_path / "only" / "a.png", 7, mode=mode)
    seen, _ = ImageFolder(tmp_path, lambda image: (image.mode, image.size))[0]
    assert seen == ("RGB", (4, 3))


def test_rows_take_labels_and_fingerprint_without_reading_images(root: Path) -> None:
    (root / "dog" / "a.png").write_bytes(b"no image")
    images = ImageFolder(root)
    assert isinstance(images, Fingerprinted)
    rows = Rows(images, batch_size=2)
    assert rows.labels.tolist() == [0, 0, 1, 1, 2]
    assert rows.fingerprint == images.fingerprint()
    with pytest.raises(DataError, match=r"a\.png: cannot be read as an image"):
        list(rows.batches())


def test_batches_come_in_sample_order(root: Path) -> None:
    images = ImageFolder(root)
    batches = torch.cat(list(Rows(images, batch_size=2).batches()))
    assert torch.equal(batches, torch.stack([images[i][0] for i in range(len(images))]))


class Scaled:
    """A transform whose repr says what it does."""

    def __init__(self, factor: float) -> None:
        self.factor = factor

    def __call__(self, image: Image.Image) -> torch.Tensor:
        return torch.tensor(self.factor)

    def __repr__(self) -> str:
        return f"Scaled({self.factor})"


def test_fingerprint_sees_contents_names_labels_and_transform(root: Path) -> None:
    images = ImageFolder(root)
    before = images.fingerprint()
    assert ImageFolder(root).fingerprint() == before
    assert ImageFolder(root, Scaled(1.0)).fingerprint() == ImageFolder(root, Scaled(1.0)).fingerprint()
    prints = {
        before,
        ImageFolder(root, Scaled(1.0)).fingerprint(),
        ImageFolder(root, Scaled(2.0)).fingerprint(),
        ImageFolder(root, classes=["dog", "cat", "emu"]).fingerprint(),
        ImageFolder(root, classes=["cat", "dog", "emu", "fox"]).fingerprint(),
    }
    (root / "cat" / "1.png").rename(root / "cat" / "0.png")
    prints.add(ImageFolder(root).fingerprint())
    paint(root / "cat" / "0.png", 99)
    prints.add(ImageFolder(root).fingerprint())
    assert len(prints) == 7


def test_fingerprint_sees_a_file_that_changed_since_the_last_call(root: Path) -> None:
    images = ImageFolder(root)
    before = images.fingerprint()
    paint(root / "emu" / "x.png", 99)
    os.utime(root / "emu" / "x.png", ns=(1, 1))
    assert images.fingerprint() != before


def test_fingerprint_is_free_of_places_in_memory(root: Path) -> None:
    def transform(image: Image.Image) -> torch.Tensor:
        return torch.zeros(1)

    def made() -> ImageFolder:
        return ImageFolder(root, lambda image: transform(image))

    first, second = made(), made()
    assert repr(first.transform) != repr(second.transform)
    assert first.fingerprint() == second.fingerprint()


def test_hidden_files_and_other_suffixes_are_left_out(root: Path) -> None:
    (root / ".cache").mkdir()
    paint(root / "cat" / ".thumbs" / "1.png", 1)
    paint(root / "cat" / "._1.png", 1)
    (root / "cat" / "notes.txt").write_text("no image")
    (root / "readme.txt").write_text("no class")
    assert len(ImageFolder(root)) == 5


def test_a_class_without_images_keeps_its_label(root: Path) -> None:
    (root / "dog" / "a.png").unlink()
    (root / "dog" / "b.png").unlink()
    images = ImageFolder(root)
    assert images.classes == ("cat", "dog", "emu")
    assert images.labels.tolist() == [0, 0, 2]


def test_given_classes_set_labels_and_may_lack_folders(root: Path) -> None:
    images = ImageFolder(root, classes=["emu", "fox", "dog", "cat"])
    assert images.labels.tolist() == [0, 2, 2, 3, 3]


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(counts=st.dictionaries(st.text("abcxyz_", min_size=1, max_size=4), st.integers(0, 3), min_size=1, max_size=5))
def test_labels_count_the_images_of_each_folder(
    tmp_path_factory: pytest.TempPathFactory, counts: dict[str, int]
) -> None:
    root = tmp_path_factory.mktemp("images")
    for name, count in counts.items():
        (root / name).mkdir()
        for i in range(count):
            (root / name / f"{i}.jpg").touch()
    if not any(counts.values()):
        with pytest.raises(DataError, match="no image"):
            ImageFolder(root)
        return
    images = ImageFolder(root)
    assert dict(zip(images.classes, np.bincount(images.labels, minlength=len(counts)), strict=True)) == counts


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match="nowhere: no such folder"):
        ImageFolder(tmp_path / "nowhere")


def test_images_without_class_folders_are_refused(tmp_path: Path) -> None:
    paint(tmp_path / "a.png", 1)
    with pytest.raises(DataError, match=r"folder of images for each class.*got 1 files and no folder"):
        ImageFolder(tmp_path)


def test_a_folder_that_is_no_class_is_refused(root: Path) -> None:
    with pytest.raises(DataError, match="folder 'emu' is none of the 2 classes"):
        ImageFolder(root, classes=["cat", "dog"])
    with pytest.raises(InputError, match="class 'cat' is listed twice"):
        ImageFolder(root, classes=["cat", "cat", "dog", "emu"])


@pytest.mark.parametrize("keep", [0, 20, 60])
def test_a_damaged_image_is_named(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "cat" / "broken.png"
    paint(path, 1, size=(16, 16))
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(
        DataError, match=r"broken\.png: cannot be read as an image .*replace the file or remove it"
    ) as met:
        ImageFolder(tmp_path)[0]
    assert met.value.mend == {"corrupt": "skip"}


def test_a_file_that_vanished_is_named(root: Path) -> None:
    images = ImageFolder(root)
    (root / "cat" / "1.png").unlink()
    with pytest.raises(DataError, match=r"1\.png: could not be read"):
        images.fingerprint()


def test_what_is_left_out_is_not_said_to_leave_out(root: Path) -> None:
    (root / "cat" / "1.png").write_bytes(b"no image")
    assert "corrupt" not in ImageFolder(root, corrupt="skip").remarks[0]
