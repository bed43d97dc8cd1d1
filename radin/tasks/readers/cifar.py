"""CIFAR-10 and CIFAR-100 (Krizhevsky 2009), in their own files: pickled batches for Python, or binary ones."""

from __future__ import annotations

import hashlib
from collections.abc import MutableMapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64, UInt8

from radin.errors import DataError, MissingFileError
from radin.tasks.labelled import Images
from radin.tasks.readers.pickles import unpickled
from radin.tasks.readers.request import Reader, Request, part_of_training

if TYPE_CHECKING:
    from PIL.Image import Image

PIXELS = 3 * 32 * 32

#: Share of the training set that `heldout` is.
HELD_OUT = 0.1


@dataclass(frozen=True)
class Layout:
    """The files of one dataset in one format.

    Attributes:
        folder: as its archive unpacks.
        files: those of the splits `train` and `test`.
        names: the file with the names of the classes, and the key under which a pickle has them.
        labels: key of the labels in a pickle.
        label_bytes: bytes before each binary image; the last of them is the label.
    """

    folder: str
    files: dict[str, tuple[str, ...]]
    names: tuple[str, str]
    labels: str = "labels"
    label_bytes: int = 1

    def complete(self, root: Path) -> bool:
        """Whether its files lie in a folder."""
        return all((root / name).is_file() for names in self.files.values() for name in names)


def _batches(pattern: str, test: str) -> dict[str, tuple[str, ...]]:
    return {"train": tuple(pattern.format(i) for i in range(1, 6)), "test": (test,)}


LAYOUTS = {
    "cifar10": (
        Layout("cifar-10-batches-py", _batches("data_batch_{}", "test_batch"), ("batches.meta", "label_names")),
        Layout("cifar-10-batches-bin", _batches("data_batch_{}.bin", "test_batch.bin"), ("batches.meta.txt", "")),
    ),
    "cifar100": (
        Layout(
            "cifar-100-python", {"train": ("train",), "test": ("test",)}, ("meta", "fine_label_names"), "fine_labels"
        ),
        Layout(
            "cifar-100-binary",
            {"train": ("train.bin",), "test": ("test.bin",)},
            ("fine_label_names.txt", ""),
            label_bytes=2,
        ),
    ),
}


class ImageArrays(Images):
    """Images that lie in memory.

    Arguments:
        pixels: of every image.
        labels, classes, settings: see `Images`.
    """

    def __init__(
        self,
        pixels: UInt8[np.ndarray, "F h w 3"],
        labels: Int64[np.ndarray, " F"],
        classes: Sequence[str],
        **settings: Any,
    ) -> None:
        super().__init__(labels, classes, **settings)
        self.pixels = pixels

    def open(self, row: int) -> Image:
        """The image at a place."""
        from PIL import Image

        return Image.fromarray(self.pixels[row])

    def contents(self, row: int, memory: MutableMapping[str, str]) -> str:
        """Fingerprint of an image's pixels; too quick to be worth remembering."""
        return hashlib.sha256(self.pixels[row].tobytes()).hexdigest()

    def name(self, row: int) -> str:
        """Its place."""
        return str(row)


def detect(folder: Path) -> str | None:
    """The one of the two sets that is in a folder; None if neither is."""
    return next((kind for kind, layouts in LAYOUTS.items() if any(one.complete(folder) for one in layouts)), None)


def _read(kind: str, request: Request) -> Images:
    """Either dataset: splits `train`, `test` (the default), and `heldout` and `rest` of the training set."""
    split = request.one_of(("train", "test", "heldout", "rest"), data="test", test="test")
    root, layout = _find(kind, request.path)
    files = [root / name for name in layout.files["test" if split == "test" else "train"]]
    names = root / layout.names[0]
    if layout.names[1]:
        batches = [_pickled_batch(path, layout.labels) for path in files]
        known = unpickled(names).get(layout.names[1]) if names.is_file() else None
    else:
        batches = [_binary_batch(path, layout.label_bytes) for path in files]
        known = names.read_text(encoding="utf-8").split() if names.is_file() else None
    if known is None:
        raise MissingFileError(f"{names}: not there, or damaged; it holds the names of the classes")
    pixels = np.concatenate([pixels for pixels, _ in batches])
    labels = np.concatenate([labels for _, labels in batches])
    classes = request.own_classes(known)
    if labels.max(initial=0) >= len(classes):
        raise DataError(f"{root}: label {labels.max()} is out of range, there are {len(classes)} classes")
    images = ImageArrays(np.ascontiguousarray(pixels), labels, classes, **request.settings)
    return part_of_training(split, images, HELD_OUT, request.seed)


READERS: dict[str, Reader] = {kind: partial(_read, kind) for kind in LAYOUTS}


def _find(kind: str, path: Path) -> tuple[Path, Layout]:
    for layout in LAYOUTS[kind]:
        for root in (path, path / layout.folder):
            if layout.complete(root):
                return root, layout
    wanted = " or ".join(f"{one.folder} ({', '.join(one.files['train'] + one.files['test'])})" for one in LAYOUTS[kind])
    raise MissingFileError(f"{path}: expected the files of {kind}: {wanted}")


def _binary_batch(path: Path, label_bytes: int) -> tuple[UInt8[np.ndarray, "b 32 32 3"], Int64[np.ndarray, " b"]]:
    content = np.fromfile(path, dtype=np.uint8)
    record = label_bytes + PIXELS
    if not len(content) or len(content) % record:
        raise DataError(f"{path}: expected records of {record} bytes, got {len(content)} bytes; the file is damaged")
    records = content.reshape(-1, record)
    return _as_images(records[:, label_bytes:]), records[:, label_bytes - 1].astype(np.int64)


def _pickled_batch(path: Path, key: str) -> tuple[UInt8[np.ndarray, "b 32 32 3"], Int64[np.ndarray, " b"]]:
    content = unpickled(path)
    pixels, labels = content.get("data"), content.get(key)
    are_images = isinstance(pixels, np.ndarray) and pixels.shape[1:] == (PIXELS,)
    are_labels = isinstance(labels, list) and all(isinstance(label, int) for label in labels)
    if pixels is None or labels is None or not (are_images and are_labels) or len(labels) != len(pixels):
        raise DataError(f"{path}: expected 'data' of {PIXELS} bytes an image and as many {key!r}; it is another file")
    return _as_images(pixels), np.array(labels, dtype=np.int64)


def _as_images(rows: UInt8[np.ndarray, "b 3072"]) -> UInt8[np.ndarray, "b 32 32 3"]:
    return rows.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
