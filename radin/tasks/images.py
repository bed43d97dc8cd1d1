"""Folders of images, one folder for each class."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch.utils.data import Dataset

from radin.errors import DataError, InputError, MissingFileError
from radin.files import digest_of, file_digest

if TYPE_CHECKING:
    from PIL.Image import Image

#: Files that count as images, by their suffix in lower case.
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff"})

Transform = Callable[["Image"], Any]


class ImageFolder(Dataset[tuple[Any, int]]):
    """Images in `root/<class>/`, at any depth; an image's label is its folder's place among the classes.

    Samples come class by class, in the order of their paths. Hidden files and folders are left out. A class without
    images still counts, so that labels keep their meaning on a part of the data.

    Arguments:
        root: the folder that holds one folder for each class.
        transform: turns an RGB image (of Pillow) into what the network takes. By default a float32 tensor `[3, h, w]`
            in `[0, 1]`. It must not be random: every model is to see the same samples.
        classes: the class folders in label order; the folders in `root`, sorted by name, by default. With it, `root`
            may lack some of the folders, but may have no other.

    Attributes:
        root: the folder.
        classes: names of the class folders, in label order.
        paths: the images, in sample order.

    Raises:
        MissingFileError: no such folder.
        DataError: no class folder or no image in it, or a class folder that `classes` does not name. On reading a
            sample: its file is no image, or a damaged one.
    """

    def __init__(
        self, root: str | os.PathLike[str], transform: Transform | None = None, *, classes: Sequence[str] | None = None
    ) -> None:
        self.root = Path(root).expanduser()
        self.transform = transform
        folders = _class_folders(self.root)
        self.classes = tuple(folders) if classes is None else tuple(classes)
        _check_classes(self.root, folders, self.classes)
        found = [(path, label) for label, name in enumerate(self.classes) for path in _images(self.root / name)]
        if not found:
            suffixes = ", ".join(sorted(SUFFIXES))
            raise DataError(f"{self.root}: there is no image in its {len(folders)} class folders ({suffixes})")
        self.paths = tuple(path for path, _ in found)
        self._labels = tuple(label for _, label in found)
        self._digests: dict[str, str] = {}

    @cached_property
    def labels(self) -> Int64[np.ndarray, " M"]:
        """The class of every image, known from its folder alone."""
        return np.array(self._labels, dtype=np.int64)

    def fingerprint(self) -> str:
        """A digest of classes, relative paths, file contents, and the transform's `repr`.

        Files that did not change since the last call are not read again. A transform whose `repr` does not say what it
        does, such as a lambda, is known by its name only.
        """
        with ThreadPoolExecutor() as threads:
            digests = list(threads.map(self._digest, self.paths))
        names = [path.relative_to(self.root).as_posix() for path in self.paths]
        return digest_of("image-folder-1", self.classes, names, self._labels, digests, _described(self.transform))

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        image = _read(self.paths[index])
        return (self.transform or _as_tensor)(image), self._labels[index]

    def _digest(self, path: Path) -> str:
        try:
            return file_digest(path, self._digests)
        except OSError as error:
            raise DataError(f"{path}: could not be read ({error.strerror or error})") from error


def _class_folders(root: Path) -> list[str]:
    if not root.is_dir():
        raise MissingFileError(f"{root}: no such folder; expected one that holds a folder of images for each class")
    entries = [entry for entry in root.iterdir() if not entry.name.startswith(".")]
    folders = sorted(entry.name for entry in entries if entry.is_dir())
    if not folders:
        raise DataError(
            f"{root}: expected a folder of images for each class in it, such as {root / 'cat' / '1.png'}; "
            f"got {len(entries)} files and no folder"
        )
    return folders


def _check_classes(root: Path, folders: Sequence[str], classes: Sequence[str]) -> None:
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if list(classes).count(name) > 1)
        raise InputError(f"class {twice!r} is listed twice; each folder stands for one class")
    unknown = sorted(set(folders) - set(classes))
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise DataError(
            f"{root}: folder {unknown[0]!r}{more} is none of the {len(classes)} classes ({_few(classes)}); "
            "its images would have no label"
        )


def _images(folder: Path) -> list[Path]:
    return sorted(_walk(folder), key=lambda path: path.relative_to(folder).as_posix())


def _walk(folder: Path) -> Iterator[Path]:
    for where, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = Path(where)
        yield from (here / name for name in files if not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES)


def _read(path: Path) -> Image:
    from PIL import Image

    try:
        with Image.open(path) as image:
            return image.convert("RGB")
    except MemoryError:
        raise
    except Exception as error:  # what Pillow raises on damaged files is of a dozen classes
        raise DataError(
            f"{path}: cannot be read as an image ({type(error).__name__}: {error}); replace the file or remove it"
        ) from error


def _as_tensor(image: Image) -> Float32[torch.Tensor, "3 h w"]:
    return torch.from_numpy(np.array(image, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


def _described(transform: Transform | None) -> str:
    """What a transform says of itself, without places in memory, which change from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(transform))


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
