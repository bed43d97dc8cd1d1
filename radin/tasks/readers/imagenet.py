"""ImageNet-1k in its usual folders: `train/` and `val/` with a folder for each class, or a flat `val/` with labels."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

from radin.errors import DataError, MissingFileError, TaskError
from radin.tasks.images import ImageFiles, class_folders, few, image_files
from radin.tasks.labelled import Images
from radin.tasks.readers.lists import chosen_rows
from radin.tasks.readers.request import Reader, Request, existing, part_of_training
from radin.tasks.readers.wordnet import imagenet_wnids, is_wnid, titles_of

#: Share of the training set that `heldout` is, as in the paper on model soups (Wortsman et al. 2022).
HELD_OUT = 0.02

#: Where the archive of the Kaggle competition has the two folders.
KAGGLE = Path("ILSVRC") / "Data" / "CLS-LOC"

#: Files that may hold the labels of a flat `val/`: the Kaggle competition's, TensorFlow's, and Caffe's.
LABEL_FILES = ("LOC_val_solution.csv", "imagenet_2012_validation_synset_labels.txt", "val.txt", "val_labels.txt")

SPLITS = ("train", "val", "heldout", "rest")


def read(request: Request) -> Images:
    """ImageNet: `heldout` selects and `val` reports by default; a file in place of a split lists training images."""
    root = existing(request.path, "ImageNet's folder, with train/ and val/ in it")
    root = root / KAGGLE if (root / KAGGLE).is_dir() else root
    listed = Path(request.split).expanduser() if request.split and request.split not in SPLITS else None
    if listed is not None and (listed.suffix or listed.is_file()):
        images = _folders(root / "train", request)
        return images.take(chosen_rows(listed, [images.name(row) for row in range(len(images.listed))]))
    split = request.one_of(SPLITS, data="heldout", test="val")
    if split == "val":
        folder = existing(root / "val", "ImageNet's validation images")
        return _folders(folder, request) if any(folder.glob("n*/")) else _flat(root, folder, request)
    return part_of_training(split, _folders(root / "train", request), HELD_OUT, request.seed)


READERS: dict[str, Reader] = {"imagenet": read}


def imagenet_classes(request: Request) -> tuple[str, ...]:
    """The classes that logits' columns stand for: those asked for, else the 1000.

    Raises:
        DataError: those asked for are not named by WordNet identifiers.
        TaskError: the list of the 1000 cannot be found.
    """
    if request.classes is None:
        return imagenet_wnids()
    odd = [name for name in request.classes if not is_wnid(name)]
    if odd:
        raise DataError(
            f"{request.kind} goes with classes that are named by their WordNet identifiers, such as n01440764; "
            f"these are named {few(odd)}"
        )
    return request.classes


def labelled_folders(folder: Path, wnids: dict[str, str], request: Request) -> tuple[list[tuple[str, str]], list[str]]:
    """The images of all folders whose class is among the logits' columns, and what was left out, in words.

    Arguments:
        folder: holds a folder for each class.
        wnids: the class of each folder.
        request: says which classes the columns stand for.
    """
    classes = set(imagenet_classes(request))
    kept = {name: wnid for name, wnid in wnids.items() if wnid in classes}
    if not kept:
        raise DataError(
            f"{folder}: none of its {len(wnids)} classes ({few(list(wnids.values()))}) is among the {len(classes)} of "
            "the data"
        )
    left_out = len(wnids) - len(kept)
    files = [(f"{name}/{file}", wnid) for name, wnid in kept.items() for file in image_files(folder / name)]
    if not files:
        raise DataError(f"{folder}: there is no image in its {len(wnids)} class folders")
    return files, _left_out(left_out, len(wnids))


def _left_out(n: int, total: int) -> list[str]:
    """Remarks on classes that were left out, for a reader of the results."""
    return [f"{n} of its {total} classes are left out, since the network does not know them"] if n else []


def wnid_folders(folder: Path, request: Request) -> dict[str, str]:
    """Folders that are named by their class.

    Raises:
        DataError: one is not.
    """
    folders = class_folders(folder)
    known = set(request.classes or ()) | _the_1000()
    odd = [name for name in folders if name not in known] if known else [n for n in folders if not is_wnid(n)]
    if odd:
        raise DataError(
            f"{folder}: expected folders named by the WordNet identifiers of ImageNet's classes, such as n01440764; "
            f"got {few(odd)}"
        )
    return {name: name for name in folders}


def _the_1000() -> set[str]:
    try:
        return set(imagenet_wnids())
    except TaskError:
        return set()


def _folders(folder: Path, request: Request) -> ImageFiles:
    existing(folder, f"ImageNet's images, a folder for each class; they are needed for the split of {request.kind}")
    files, remarks = labelled_folders(folder, wnid_folders(folder, request), request)
    return _made(folder, files, request, remarks)


def _made(folder: Path, files: Sequence[tuple[str, str]], request: Request, remarks: Sequence[str] = ()) -> ImageFiles:
    classes = imagenet_classes(request)
    places = {wnid: label for label, wnid in enumerate(classes)}
    labelled = [(name, places[wnid]) for name, wnid in files]
    return ImageFiles(folder, labelled, classes, titles=titles_of(classes), remarks=remarks, **request.settings)


def _flat(root: Path, folder: Path, request: Request) -> ImageFiles:
    """Images without folders; their labels stand in a file, the formats of which differ."""
    above = [root.parents[2]] if root.parts[-3:] == KAGGLE.parts else []
    places = [place / name for name in LABEL_FILES for place in (folder, root, *above)]
    found = next((place for place in places if place.is_file()), None)
    if found is None:
        raise MissingFileError(
            f"{folder}: its images lie in no class folders, so a file with their labels is needed beside them, in "
            f"{root}: {', '.join(LABEL_FILES)}. (ILSVRC2012_validation_ground_truth.txt will not do: its numbers are "
            "not in the order of any usual head)"
        )
    names = image_files(folder)
    wnids = _read_labels(found, [Path(name).stem for name in names])
    classes = set(imagenet_classes(request))
    files = [(name, wnids[Path(name).stem]) for name in names if Path(name).stem in wnids]
    if len(files) != len(names):
        raise DataError(f"{found}: has no label for {len(names) - len(files)} of {len(names)} images in {folder}")
    kept = [(name, wnid) for name, wnid in files if wnid in classes]
    if not kept:
        raise DataError(f"{folder}: none of its {len(names)} images is of a class that the network knows")
    labelled = {wnid for _, wnid in files}
    return _made(folder, kept, request, _left_out(len(labelled - classes), len(labelled)))


def _read_labels(file: Path, stems: Sequence[str]) -> dict[str, str]:
    """The class of each image, by the image's name without its suffix."""
    with file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.reader(lines)) if file.suffix == ".csv" else [line.split() for line in lines]
    rows = [row for row in rows if row and row[0] != "ImageId"]
    if all(len(row) == 1 for row in rows):  # one class a line, in the order of the images' names
        if len(rows) != len(stems):
            raise DataError(f"{file}: has {len(rows)} labels, but there are {len(stems)} images")
        return {stem: _wnid(file, row[0]) for stem, row in zip(stems, rows, strict=True)}
    bad = next((row for row in rows if len(row) < 2 or not row[1].strip()), None)
    if bad is not None:
        raise DataError(f"{file}: expected an image and its class in every line, got {' '.join(bad)!r}")
    return {Path(row[0]).stem: _wnid(file, row[1].split()[0]) for row in rows}


def _wnid(file: Path, label: str) -> str:
    """A class by its identifier, or by its place among the sorted 1000, as Caffe has it."""
    if is_wnid(label):
        return label
    if label.isdigit() and int(label) < len(imagenet_wnids()):
        return imagenet_wnids()[int(label)]
    raise DataError(f"{file}: expected WordNet identifiers, or numbers from 0 to 999, got {label!r}")
