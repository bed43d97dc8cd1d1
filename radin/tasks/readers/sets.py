"""Data by name, as the command line and the adapters give them: `PATH`, `KIND:PATH` or `KIND/SPLIT:PATH`."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from radin.errors import InputError
from radin.tasks.labelled import Images, Transform
from radin.tasks.readers import cifar, domainnet, folders, imagenet, objectnet, shifts
from radin.tasks.readers.request import Reader, Request, Role

#: Every kind of data, and what reads it.
KINDS: dict[str, Reader] = {
    **folders.READERS,
    **cifar.READERS,
    **imagenet.READERS,
    **shifts.READERS,
    **objectnet.READERS,
    **domainnet.READERS,
}

_NAMED_SET = re.compile(r"([A-Za-z0-9_.-]+)=(.+)")


@dataclass(frozen=True)
class Sets:
    """The data of a task.

    Attributes:
        data: what selects.
        test: what reports: nothing, one set, or several by name.
    """

    data: Images
    test: Images | dict[str, Images] | None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes, in the order of the logits' columns."""
        return self.data.classes

    @property
    def titles(self) -> tuple[str, ...]:
        """Readable names of the classes, in the same order."""
        return self.data.titles


def open_sets(
    data: str | os.PathLike[str],
    test: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]] | None = None,
    transform: Transform | None = None,
    *,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    corrupt: str = "stop",
    seed: int = 0,
) -> Sets:
    """Opens what selects and what reports; the classes of the first are the columns that the others are read by.

    Arguments:
        data: a folder with a folder for each class, or `KIND:PATH`, or `KIND/SPLIT:PATH`. Kinds are the keys of
            `KINDS`.
        test: the same; or several, by name: a mapping, or `NAME=SPEC,NAME=SPEC` as text.
        transform: turns an RGB image of Pillow into what the network takes; see `Images`.
        split: of `data`, in place of one that stands in it.
        classes: names of the classes in the order of the network's outputs, where that is not the data's own.
        corrupt: `stop` ends the run at an image that cannot be read, `skip` leaves it out for every model.
        seed: draws the held-out part of a training set.

    Raises:
        InputError: no such kind or split, or test sets that are named wrongly.
        MissingFileError: files that are not there.
        DataError: files that are not what they should be.
    """
    selection = open_data(data, transform, split=split, classes=classes, corrupt=corrupt, seed=seed)
    if test is None:
        return Sets(selection, None)

    def opened(spec: str | os.PathLike[str]) -> Images:
        names = selection.classes
        return open_data(spec, transform, classes=names, corrupt=corrupt, seed=seed, role="test")

    specs = parse_tests(test)
    if isinstance(specs, str):
        return Sets(selection, opened(specs))
    return Sets(selection, {name: opened(spec) for name, spec in specs.items()})


def open_data(
    spec: str | os.PathLike[str],
    transform: Transform | None = None,
    *,
    split: str | None = None,
    classes: Sequence[str] | None = None,
    corrupt: str = "stop",
    seed: int = 0,
    role: Role = "data",
) -> Images:
    """Opens one set of labelled images; arguments and errors are those of `open_sets`.

    Arguments:
        spec: `PATH`, `KIND:PATH` or `KIND/SPLIT:PATH`.
        transform, split, classes, corrupt, seed: see `open_sets`.
        role: whether the data select or report, which decides the split where none is named.
    """
    request = parse_spec(spec)
    if split is not None and request.split is not None and split != request.split:
        raise InputError(f"split={split} does not go with {os.fspath(spec)}, which names another one")
    request = replace(
        request,
        split=split or request.split,
        role=role,
        transform=transform,
        classes=tuple(classes) if classes is not None else None,
        corrupt=corrupt,
        seed=seed,
    )
    return KINDS[request.kind](request)


def parse_spec(spec: str | os.PathLike[str]) -> Request:
    """The request of a text such as `cifar10/train:data/cifar`. A plain path is a folder, or known by its files."""
    text = os.fspath(spec)
    prefix, colon, path = text.partition(":")
    kind, _, split = prefix.partition("/")
    if colon and kind in KINDS:
        if not path:
            raise InputError(f"{text!r}: expected a path after the colon, such as {prefix}:data/{kind}")
        return Request(kind, Path(path).expanduser(), split or None)
    place = Path(text).expanduser()
    if colon and not place.exists() and re.fullmatch(r"[a-z][a-z0-9-]+", kind):
        raise InputError(f"{text!r}: there is no kind of data {kind!r}; known are {', '.join(KINDS)}")
    return Request(cifar.detect(place) or "folder", place)


def parse_tests(
    test: str | os.PathLike[str] | Mapping[str, str | os.PathLike[str]],
) -> str | dict[str, str]:
    """One test set, or several by name, from `NAME=SPEC,NAME=SPEC`.

    Raises:
        InputError: a set without a name beside others, or two of one name.
    """
    if isinstance(test, Mapping):
        return {name: os.fspath(spec) for name, spec in test.items()}
    text = os.fspath(test)
    if not _NAMED_SET.fullmatch(text) or Path(text).expanduser().exists():
        return text
    pairs = [_NAMED_SET.fullmatch(part) for part in text.split(",")]
    if not all(pairs):
        raise InputError(f"test={text!r}: expected NAME=SPEC,NAME=SPEC, such as v2=imagenet-v2:PATH,r=imagenet-r:PATH")
    named = [(pair[1], pair[2]) for pair in pairs if pair]
    if len(dict(named)) != len(named):
        raise InputError(f"test={text!r}: two test sets have the same name")
    return dict(named)
