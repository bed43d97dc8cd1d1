"""Images in files of their own, and folders of them, one folder for each class."""

from __future__ import annotations

import os
from collections.abc import Iterator, MutableMapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radin.common.files import file_fingerprint
from radin.errors import DataError, InputError, MissingFileError
from radin.tasks.labelled import Images, Transform

if TYPE_CHECKING:
    from PIL.Image import Image

#: Files that count as images, by their suffix in lower case.
SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff")


class ImageFiles(Images):
    """Images in files of their own.

    Arguments:
        root: the folder that they lie in, at any depth.
        files: the images, in sample order, each by its path relative to the root, with `/`; and its label. ImageNet has
            1.3 million of them, so they are no `Path`s before they are read.
        classes: names of the classes, in label order.
        transform: see `Images`.
        border: pixels that are cut off on each side.
        settings: the other arguments of `Images`.

    Attributes:
        names: all files that are listed, relative to the root.
    """

    def __init__(
        self,
        root: Path,
        files: Sequence[tuple[str, int]],
        classes: Sequence[str],
        transform: Transform | None = None,
        *,
        border: int = 0,
        **settings: Any,
    ) -> None:
        super().__init__(np.array([label for _, label in files], dtype=np.int64), classes, transform, **settings)
        self.root, self.border = root, border
        self.names = tuple(name for name, _ in files)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All files that are listed."""
        return tuple(self.root / name for name in self.names)

    def open(self, row: int) -> Image:
        """The image in a file, in RGB, without its border."""
        image = _read(self.root / self.names[row])
        if not self.border:
            return image
        width, height = image.size
        return image.crop((self.border, self.border, width - self.border, height - self.border))

    def contents(self, row: int, memory: MutableMapping[str, str]) -> str:
        """Fingerprint of a file."""
        path = self.root / self.names[row]
        try:
            return file_fingerprint(path, memory)
        except OSError as error:
            raise DataError(f"{path}: could not be read ({error.strerror or error})") from error

    def name(self, row: int) -> str:
        """The path relative to the root."""
        return self.names[row]


class ImageFolder(ImageFiles):
    """Images in `root/<class>/`, at any depth; an image's label is its folder's place among the classes.

    Samples come class by class, in the order of their paths. Hidden files and folders are left out. A class without
    images still counts, so that labels keep their meaning on a part of the data.

    Arguments:
        root: the folder that holds one folder for each class.
        transform: see `Images`.
        classes: the class folders in label order; the folders in `root`, sorted by name, by default. With it, `root`
            may lack some of the folders, but may have no other.
        settings: the other arguments of `Images`.

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
        self,
        root: str | os.PathLike[str],
        transform: Transform | None = None,
        *,
        classes: Sequence[str] | None = None,
        **settings: Any,
    ) -> None:
        place = Path(root).expanduser()
        folders = class_folders(place)
        names = tuple(folders) if classes is None else tuple(classes)
        _check_classes(place, folders, names)
        found = [(f"{name}/{file}", label) for label, name in enumerate(names) for file in image_files(place / name)]
        if not found:
            raise DataError(f"{place}: there is no image in its {len(folders)} class folders ({', '.join(SUFFIXES)})")
        super().__init__(place, found, names, transform, **settings)


def class_folders(root: Path) -> list[str]:
    """Names of the folders in a folder, sorted, hidden ones left out.

    Raises:
        MissingFileError: no such folder.
        DataError: no folder in it.
    """
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


def image_files(folder: Path) -> list[str]:
    """Paths of all images in a folder, at any depth, relative to it and sorted; none if it is not there."""
    return sorted(_walk(folder))


def _check_classes(root: Path, folders: Sequence[str], classes: Sequence[str]) -> None:
    if len(set(classes)) != len(classes):
        twice = next(name for name in classes if list(classes).count(name) > 1)
        raise InputError(f"class {twice!r} is listed twice; each folder stands for one class")
    unknown = sorted(set(folders) - set(classes))
    if unknown:
        more = f" and {len(unknown) - 1} more" if len(unknown) > 1 else ""
        raise DataError(
            f"{root}: folder {unknown[0]!r}{more} is none of the {len(classes)} classes ({few(classes)}); "
            "its images would have no label"
        )


def _walk(folder: Path) -> Iterator[str]:
    for where, folders, files in os.walk(folder, followlinks=True):
        folders[:] = [name for name in folders if not name.startswith(".")]
        here = "" if where == str(folder) else f"{Path(where).relative_to(folder).as_posix()}/"
        images = (name for name in files if name.lower().endswith(SUFFIXES))
        yield from (here + name for name in images if not name.startswith("."))


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


def few(names: Sequence[str]) -> str:
    """The first few of some names, for error messages."""
    return ", ".join(names[:4]) + (", ..." if len(names) > 4 else "")
