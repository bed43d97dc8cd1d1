"""Requests to readers, and the parts of a training set that every reader with one can give."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Int64

from radin.errors import InputError, MissingFileError
from radin.tasks.labelled import Images, Transform
from radin.tasks.split import sample_rows

#: Whether data select, or report. Kinds with several splits have another default for each.
Role = Literal["data", "test"]


@dataclass(frozen=True)
class Request:
    """A request to a reader.

    Attributes:
        kind: the kind's name, for error messages.
        path: where the data lie.
        split: which part of them; None is the kind's default for this role.
        role: whether they select (`data`) or report (`test`).
        transform: see `Images`.
        classes: names of the classes that the logits' columns stand for, where they are known already.
        corrupt: see `Images`.
        seed: draws a held-out part of a training set.
    """

    kind: str
    path: Path
    split: str | None = None
    role: Role = "data"
    transform: Transform | None = None
    classes: tuple[str, ...] | None = None
    corrupt: str = "stop"
    seed: int = 0

    @property
    def settings(self) -> dict[str, Any]:
        """Arguments that every reader passes to `Images`."""
        return {"transform": self.transform, "corrupt": self.corrupt}

    def one_of(self, splits: Sequence[str], *, data: str, test: str) -> str:
        """The split that was asked for, among those that there are.

        Raises:
            InputError: there is no such split.
        """
        chosen = self.split or (data if self.role == "data" else test)
        if chosen not in splits:
            raise InputError(f"{self.kind} has no split {chosen!r}; it has: {', '.join(splits)}")
        return chosen

    def no_split(self) -> None:
        """Refuses a split of data that have none.

        Raises:
            InputError: one was asked for.
        """
        if self.split is not None:
            raise InputError(f"{self.kind} has no splits, but {self.split!r} was asked for; leave it out")

    def own_classes(self, known: Sequence[str]) -> tuple[str, ...]:
        """The classes of data that bring their own, checked against those that were asked for.

        Raises:
            InputError: others were asked for.
        """
        if self.classes is not None and self.classes != tuple(known):
            where = next((i for i, pair in enumerate(zip(self.classes, known, strict=False)) if pair[0] != pair[1]), -1)
            detail = f"class {where} is {known[where]!r}, not {self.classes[where]!r}" if where >= 0 else ""
            raise InputError(
                f"{self.path}: {self.kind} has {len(known)} classes in an order of its own, but the head has "
                f"{len(self.classes)} others or in another order{': ' * bool(detail)}{detail}"
            )
        return tuple(known)


def part_of_training(split: str, images: Images, share: float, seed: int) -> Images:
    """`heldout`: a share of a training set, drawn by a seed, each class in proportion; `rest`: the others; else all."""
    if split not in ("heldout", "rest"):
        return images
    everything: Int64[np.ndarray, " F"] = images.listed
    held = sample_rows(everything, max(1, round(share * len(everything))), seed)
    return images.take(held if split == "heldout" else np.setdiff1d(np.arange(len(everything)), held))


def existing(folder: Path, what: str) -> Path:
    """A folder that is there.

    Raises:
        MissingFileError: it is not; says what was expected.
    """
    if not folder.is_dir():
        raise MissingFileError(f"{folder}: no such folder; expected {what}")
    return folder


Reader = Callable[[Request], Images]
