"""Folders of images, one for each class, as most people have them."""

from __future__ import annotations

from radin.errors import InputError
from radin.tasks.images import ImageFolder, class_folders
from radin.tasks.labelled import Images
from radin.tasks.readers.request import Reader, Request
from radin.tasks.readers.wordnet import titles_of

#: Names that folders of splits have; a folder that holds nothing else holds splits, not classes.
SPLIT_NAMES = frozenset({"train", "training", "val", "valid", "validation", "test", "testing"})


def read(request: Request) -> Images:
    """A folder for each class; a split is a folder of such folders."""
    root = request.path / request.split if request.split else request.path
    if request.path.is_dir() and request.split is None:
        folders = class_folders(request.path)
        if SPLIT_NAMES.issuperset(folders):
            raise InputError(
                f"{request.path}: holds the splits {', '.join(folders)}, not classes; choose one with "
                f"split={folders[-1]}, or give {request.path / folders[-1]}"
            )
    made = ImageFolder(root, classes=request.classes, **request.settings)
    made.titles = titles_of(made.classes) or made.titles
    return made


READERS: dict[str, Reader] = {"folder": read}
