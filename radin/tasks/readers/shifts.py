"""Shifted test sets of ImageNet: V2, R, Sketch and A, each with its subset of the classes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

from radin.errors import DataError
from radin.tasks.images import ImageFiles, class_folders, few
from radin.tasks.labelled import Images
from radin.tasks.readers.imagenet import imagenet_classes, labelled_folders, wnid_folders
from radin.tasks.readers.request import Reader, Request, existing
from radin.tasks.readers.wordnet import imagenet_wnids, titles_of

#: What each set is called, and how many classes it has.
SETS = {"imagenet-r": 200, "imagenet-sketch": 1000, "imagenet-a": 200}


def _read_by_wnid(what: str, request: Request) -> Images:
    """R (Hendrycks et al. 2021a), Sketch (Wang et al. 2019), A (Hendrycks et al. 2021b): folders named by class."""
    request.no_split()
    folder = existing(request.path, f"the folder of {what}, with {SETS[what]} folders of images")
    return subset(folder, wnid_folders(folder, request), request)


def _read_v2(request: Request) -> Images:
    """V2 (Recht et al. 2019): folders 0 to 999, the places of the classes among the sorted 1000."""
    request.no_split()
    folder = existing(request.path, "the folder of ImageNet-V2, with folders 0 to 999")
    names = class_folders(folder)
    known = imagenet_wnids()
    odd = [name for name in names if not (name.isdigit() and int(name) < len(known))]
    if odd:
        raise DataError(f"{folder}: expected folders named 0 to 999, got {few(odd)}")
    # The numbers are read as numbers: sorted as text, 10 would come before 2, and every label would be wrong.
    return subset(folder, {name: known[int(name)] for name in sorted(names, key=int)}, request)


READERS: dict[str, Reader] = {
    "imagenet-v2": _read_v2,
    **{what: partial(_read_by_wnid, what) for what in SETS},
}


def subset(folder: Path, wnids: dict[str, str], request: Request) -> ImageFiles:
    """Images of a part of ImageNet's classes: a network is only asked to tell these from one another."""
    files, remarks = labelled_folders(folder, wnids, request)
    return by_columns(folder, files, sorted({wnid for _, wnid in files}), request, remarks)


def by_columns(
    folder: Path, files: Sequence[tuple[str, str]], wnids: Sequence[str], request: Request, remarks: Sequence[str]
) -> ImageFiles:
    """Labels within a subset of the classes, and the column of the logits that each of them is."""
    everything = imagenet_classes(request)
    places = {wnid: column for column, wnid in enumerate(everything)}
    # What selects is scored on all classes, as the bank keeps them; what reports, on its own.
    classes = everything if request.role == "data" else tuple(sorted(wnids, key=places.__getitem__))
    labels = {wnid: label for label, wnid in enumerate(classes)}
    columns = None if classes == everything else tuple((places[wnid],) for wnid in classes)
    labelled = [(name, labels[wnid]) for name, wnid in files]
    settings = request.settings | {"titles": titles_of(classes), "columns": columns, "remarks": remarks}
    return ImageFiles(folder, labelled, classes, **settings)
