"""The model that adapters were trained on: one for all, told by name and, where its files are at hand, by contents."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from radin.adapters.adapter import Adapter
from radin.common.files import file_fingerprint, fingerprint_of
from radin.errors import CheckpointError, IncompatibleError, MissingFileError
from radin.weights.pool import Pool


@dataclass(frozen=True)
class Base:
    """The base of a pool of adapters.

    Attributes:
        name: as the adapters' settings call it; empty where they do not.
        place: folder or file of its weights, if it is at hand.
        notes: what a reader of the results should know of it.
    """

    name: str
    place: Path | None
    notes: tuple[str, ...] = ()

    def pool(self) -> Pool:
        """Its weights, as a pool of one.

        Raises:
            MissingFileError: it is not at hand.
            CheckpointError: the folder holds several models.
        """
        if self.place is None:
            raise MissingFileError(
                f"merging takes the weights of the base {self.name!r}, which is no folder here. Fetch it, and say "
                "where it is."
            ).mended_by(base="FOLDER")
        pool = Pool([self.place], weights=None)
        if len(pool) != 1:
            held = ", ".join(path.name for path in pool.paths)
            raise CheckpointError(f"{self.place}: expected the weights of one model, the base, found {held}")
        return pool


def common_base(adapters: Sequence[Adapter], given: str | os.PathLike[str] | None) -> Base:
    """The base that all adapters share.

    Arguments:
        adapters: at least one.
        given: where it is, as the caller says.

    Raises:
        IncompatibleError: the settings name several, and their contents differ or are not at hand.
        MissingFileError: there is nothing at the given place.
    """
    names = list(dict.fromkeys(one.config.base for one in adapters))
    if given is not None:
        place = Path(given).expanduser()
        if not place.exists():
            raise MissingFileError(f"there is no base at {place}")
        said = (f"the adapters name several bases ({', '.join(names)}); {place} is taken for all",)
        return Base(names[0], place, said if len(names) > 1 else ())
    places = [_place(name) for name in names]
    if len(names) > 1:
        fingerprints = {None if place is None else contents(place) for place in places}
        if None in fingerprints or len(fingerprints) > 1:
            other = next(one for one in adapters if one.config.base != names[0])
            raise IncompatibleError(
                f"the base is {names[0]!r} in {adapters[0].config.path}, but {names[1]!r} in {other.config.path}. "
                "Updates of different models cannot be averaged. If it is one model under two names, say where it is."
            ).mended_by(base="FOLDER")
    return Base(names[0], next((place for place in places if place is not None), None))


def contents(place: Path) -> str:
    """Fingerprint of a base's weights, whatever they are called."""
    files = Base("", place).pool().files
    return fingerprint_of(sorted(file_fingerprint(file) for file in files))


def _place(name: str) -> Path | None:
    place = Path(name).expanduser()
    return place if name and place.exists() else None
