"""DomainNet (Peng et al. 2019) by domain: images in `DOMAIN/CLASS/`, listed in `DOMAIN_train.txt` and `_test.txt`."""

from __future__ import annotations

from pathlib import Path

from radin.errors import DataError, MissingFileError
from radin.tasks.images import ImageFiles
from radin.tasks.labelled import Images
from radin.tasks.readers.request import Reader, Request, part_of_training

#: Share of a domain's training images that `heldout` is.
HELD_OUT = 0.1

#: Folders, beside the root itself, in which the lists may lie.
LIST_FOLDERS = (".", "splits", "txt")


def read(request: Request) -> Images:
    """One domain, `ROOT/DOMAIN`: `heldout` of the training list selects and `test` reports by default."""
    split = request.one_of(("train", "test", "heldout", "rest"), data="heldout", test="test")
    root, domain = request.path.parent, request.path.name
    lists = _lists(root)
    name = f"{domain}_{'test' if split == 'test' else 'train'}.txt"
    if name not in lists:
        domains = sorted({known.rpartition("_")[0] for known in lists})
        raise MissingFileError(
            f"{root / name}: no such file; a domain is given as ROOT/DOMAIN, with {name} in ROOT"
            + (f"; the domains there are {', '.join(domains)}" if domains else "")
        )
    entries = {known: _entries(file) for known, file in lists.items()}
    classes = request.own_classes(_classes(root, entries))
    files = sorted(entries[name])
    missing = [path for path, _ in files if not (root / path).is_file()]
    if missing:
        raise MissingFileError(f"{root / missing[0]}: no such file, nor {len(missing) - 1} others of {lists[name]}")
    images = ImageFiles(root, files, classes, **request.settings)
    return part_of_training(split, images, HELD_OUT, request.seed)


READERS: dict[str, Reader] = {"domainnet": read}


def _lists(root: Path) -> dict[str, Path]:
    found = [
        file for place in LIST_FOLDERS for end in ("train", "test") for file in (root / place).glob(f"*_{end}.txt")
    ]
    return {file.name: file for file in sorted(found)}


def _entries(file: Path) -> list[tuple[str, int]]:
    """Path and label of every line."""
    pairs = [line.rsplit(maxsplit=1) for line in file.read_text(encoding="utf-8").splitlines() if line.strip()]
    bad = next((pair for pair in pairs if len(pair) != 2 or not pair[1].isdigit() or "/" not in pair[0]), None)
    if bad is not None:
        raise DataError(f"{file}: expected lines such as 'clipart/zebra/clipart_344_000001.jpg 344', got {bad}")
    return [(path, int(label)) for path, label in pairs]


def _classes(root: Path, lists: dict[str, list[tuple[str, int]]]) -> tuple[str, ...]:
    """The classes in label order, from all domains: some lack one (`painting_train.txt` has no t-shirt)."""
    names: dict[int, str] = {}
    for entries in lists.values():
        for path, label in entries:
            name = path.split("/")[-2]
            if names.setdefault(label, name) != name:
                raise DataError(f"{root}: label {label} is {names[label]!r} in one list and {name!r} in another")
    gaps = sorted(set(range(len(names))) - names.keys())
    if gaps:
        raise DataError(f"{root}: no image has label {gaps[0]}, so its class has no name; are the lists complete?")
    return tuple(names[label] for label in range(len(names)))
