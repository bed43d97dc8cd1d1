"""Folders of images, one for each class, as most people have them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from radin.errors import InputError
from radin.tasks.images import ImageFolder, class_folders
from radin.tasks.labelled import Images
from radin.tasks.readers.request import Reader, Request
from radin.tasks.readers.wordnet import titles_of

#: Names that folders of splits have, those to select on first. A folder that holds two of them, or nothing else, and
#: folders in those, holds splits, not classes.
SPLIT_NAMES = ("val", "valid", "validation", "dev", "holdout", "train", "training", "test", "testing")


def read(request: Request) -> Images:
    """A folder for each class; a split is a folder of such folders."""
    root = request.path / request.split if request.split else request.path
    if request.path.is_dir() and request.split is None:
        refuse_splits(request.path, class_folders(request.path), chosen=request.role == "data")
    made = ImageFolder(root, classes=request.classes, **request.settings)
    made.titles = titles_of(made.classes) or made.titles
    return made


def refuse_splits(root: Path, folders: Sequence[str], *, chosen: bool) -> None:
    """Refuses a folder that holds splits in the place of classes.

    Arguments:
        root: the folder.
        folders: names of the folders in it.
        chosen: whether a parameter can choose one of the splits.

    Raises:
        InputError: names the splits.
    """
    splits = [name for name in folders if name.lower() in SPLIT_NAMES]
    if len(splits) < min(2, len(folders)):  # one class among others may be called so
        return
    if any(one.is_dir() and not one.name.startswith(".") for name in splits for one in (root / name).iterdir()):
        usual = min(splits, key=lambda name: SPLIT_NAMES.index(name.lower()))
        holds = f"{root}: holds the splits {', '.join(splits)}, not classes;"
        if chosen:
            raise InputError(f"{holds} choose one, or give {root / usual}.").mended_by(split=usual)
        raise InputError(f"{holds} give one, {root / usual}")


READERS: dict[str, Reader] = {"folder": read}
