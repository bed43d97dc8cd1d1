"""ImageNet's 1000 classes: their WordNet identifiers, in the order of every usual head, and their names."""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path

from radin.errors import TaskError


@cache
def imagenet_wnids() -> tuple[str, ...]:
    """The 1000 identifiers, sorted, as timm lists them.

    Raises:
        TaskError: timm's lists are not there.
    """
    return tuple(_lines("imagenet_synsets.txt"))


@cache
def imagenet_titles() -> dict[str, str]:
    """The first name that WordNet has for each identifier."""
    pairs = (line.split("\t", 1) for line in _lines("imagenet_synset_to_lemma.txt"))
    names = {wnid: lemmas.split(",")[0].strip() for wnid, lemmas in pairs}
    return {wnid: names[wnid] for wnid in imagenet_wnids()}


def is_wnid(name: str) -> bool:
    """Whether a name has the form of a WordNet identifier of a noun."""
    return len(name) == 9 and name[0] == "n" and name[1:].isdigit()


def titles_of(classes: tuple[str, ...]) -> tuple[str, ...] | None:
    """Readable names of classes that are named by WordNet identifiers; None for other classes."""
    if not all(is_wnid(name) for name in classes):
        return None
    try:
        known = imagenet_titles()
    except TaskError:
        return None
    return tuple(known.get(name, name) for name in classes)


def _lines(name: str) -> list[str]:
    # Found, not imported: timm imports torchvision, which some installations cannot.
    found = importlib.util.find_spec("timm")
    for place in (found.submodule_search_locations or ()) if found else ():
        file = Path(place) / "data" / "_info" / name
        if file.is_file():
            return file.read_text(encoding="utf-8").splitlines()
    raise TaskError(
        f"ImageNet's classes are read from timm's list {name}, which is not there: `pip install timm`, or name the "
        "classes in a file with classes=FILE, one WordNet identifier a line"
    )
