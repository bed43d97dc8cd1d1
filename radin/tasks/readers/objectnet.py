"""ObjectNet (Barbu et al. 2019): 113 of its classes are ImageNet's, under names and in groups of its own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from radin.errors import DataError, MissingFileError
from radin.tasks.images import ImageFiles, class_folders, image_files
from radin.tasks.labelled import Images
from radin.tasks.readers.imagenet import imagenet_classes
from radin.tasks.readers.request import Reader, Request, existing
from radin.tasks.readers.wordnet import imagenet_wnids

#: Width in pixels of the red frame around every image; networks must not see it.
BORDER = 2

#: The licence of ObjectNet asks that its images be used for testing alone.
MAPPINGS = (
    "folder_to_objectnet_label.json",
    "objectnet_to_imagenet_1k.json",
    "pytorch_to_imagenet_2012_id.json",
    "imagenet_to_label_2012_v2",
)


def read(request: Request) -> Images:
    """The images of the classes that ImageNet has, too; a class's score is the largest of those that it covers."""
    request.no_split()
    root = existing(request.path, "the folder objectnet-1.0, with images/ and mappings/ in it")
    known = {wnid: column for column, wnid in enumerate(imagenet_classes(request))}
    labels, groups = _mapping(root / "mappings")
    wanted = {name: _columns([imagenet_wnids()[i] for i in groups[label]], known) for name, label in labels.items()}
    folders = [name for name in class_folders(root / "images") if wanted.get(name)]
    images = root / "images"
    files = [(f"{name}/{file}", i) for i, name in enumerate(folders) for file in image_files(images / name)]
    if not files:
        raise DataError(f"{images}: there is no image of a class that the network knows")
    left_out = len(labels) - len(folders)
    remarks = [f"{left_out} of {len(labels)} classes that ImageNet has, too, are left out"] if left_out else []
    return ImageFiles(
        images,
        files,
        folders,
        titles=[labels[name] for name in folders],
        columns=tuple(wanted[name] for name in folders),
        border=BORDER,
        remarks=remarks,
        **request.settings,
    )


READERS: dict[str, Reader] = {"objectnet": read}


def _columns(wnids: list[str], known: dict[str, int]) -> tuple[int, ...]:
    """The logits' columns of a group of classes; none unless the network knows them all."""
    return tuple(known[wnid] for wnid in wnids) if all(wnid in known for wnid in wnids) else ()


def _mapping(folder: Path) -> tuple[dict[str, str], dict[str, list[int]]]:
    """Each overlapping folder's label, and the places of ImageNet's classes that each label covers."""
    names, overlap, numbers = (_json(folder / name) for name in MAPPINGS[:3])
    file = folder / MAPPINGS[3]
    if not file.is_file():
        raise MissingFileError(f"{file}: no such file; ObjectNet's archive has it")
    # Each line is a class in the order of ILSVRC2012's own numbers, which are not those of usual heads.
    lines = file.read_text(encoding="utf-8").splitlines()
    try:
        of_number = {number: int(place) for place, number in numbers.items()}
        of_line = {line.strip(): of_number[number] for number, line in enumerate(lines) if line.strip()}
        groups = {label: [of_line[name] for name in text.split("; ")] for label, text in overlap.items()}
    except (KeyError, AttributeError, TypeError, ValueError) as error:
        raise DataError(f"{folder}: the mapping files do not fit one another ({error}); unpack them again") from error
    return {name: label for name, label in names.items() if label in groups}, groups


def _json(file: Path) -> dict[str, Any]:
    if not file.is_file():
        raise MissingFileError(f"{file}: no such file; ObjectNet's archive has it")
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DataError(f"{file}: cannot be read as JSON: {error}") from error
    if not isinstance(content, dict):
        raise DataError(f"{file}: expected names by name, got {type(content).__name__}")
    return content
