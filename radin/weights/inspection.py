"""An inspection of checkpoints: what was taken of each file, and whether all can be averaged with one another."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from radin.common.error_list import Complaints
from radin.errors import RadinError
from radin.weights.nan_check import NotFinite
from radin.weights.pool import Pool
from radin.weights.survey import check_averageable, survey
from radin.weights.training_state import training_metrics


@dataclass(frozen=True)
class Inspected:
    """One checkpoint that was read.

    Attributes:
        name: the ingredient's name in the pool.
        path: its file or folder.
        fingerprint: SHA-256 of its contents, as hexadecimal text.
        same_as: an earlier ingredient of the same contents, or None.
        origin: what was taken of the file, see `radin.Pool.origin`.
        not_finite: its tensors that hold NaN or infinities.
        training: its step and scores by its own training run, where its folder says so.
    """

    name: str
    path: Path
    fingerprint: str
    same_as: str | None
    origin: dict[str, Any]
    not_finite: tuple[NotFinite, ...]
    training: Mapping[str, int | float] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Everything above as JSON holds it."""
        about = {"name": self.name, "path": str(self.path), "sha256": self.fingerprint, "same_as": self.same_as}
        found = {"not_finite": [asdict(one) for one in self.not_finite], "training": dict(self.training)}
        return about | self.origin | found


@dataclass(frozen=True)
class Inspection:
    """The result of `radin.inspect`.

    Attributes:
        pool: the checkpoints that can be read and fit the first one.
        ingredients: what is known of each of them, in pool order.
        error: why not all checkpoints can be averaged, which names every fault that was met; None if they can.
    """

    pool: Pool
    ingredients: tuple[Inspected, ...]
    error: RadinError | None

    @property
    def compatible(self) -> bool:
        """Whether all checkpoints can be averaged with one another."""
        return self.error is None

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes of the tensors, sorted."""
        return tuple(sorted({info.dtype for info in self.pool.tensors_of(0).values()}))

    @property
    def infinities(self) -> dict[str, tuple[str, ...]]:
        """For each tensor that holds infinities, the ingredients where it does: right in a mask, wrong in weights."""
        found: dict[str, list[str]] = {}
        for ingredient in self.ingredients:
            for one in ingredient.not_finite:
                if one.infinite:
                    found.setdefault(one.tensor, []).append(ingredient.name)
        return {tensor: tuple(names) for tensor, names in found.items()}

    def to_json(self) -> dict[str, Any]:
        """Everything above as JSON holds it."""
        pool = self.pool
        return {
            "compatible": self.compatible,
            "tensors": len(pool.tensors_of(0)),
            "bytes": pool.nbytes,
            "dtypes": list(self.dtypes),
            "tied": dict(pool.aliases),
            "classes": pool.class_names,
            "ingredients": [one.to_json() for one in self.ingredients],
        }


def inspect(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
    *,
    weights: str | None = None,
    prefix: str | None = None,
    keep: Sequence[str] = (),
    reorder_classes: bool = False,
    order: str | None = None,
    rank: int | None = None,
    merge: bool = False,
    base: str | os.PathLike[str] | None = None,
) -> Inspection:
    """Reads checkpoints once, and says whether they can be averaged with one another, and if not, why not.

    Arguments:
        paths: files, folders or globs, as for `radin.Pool`.
        weights: which weights of files that hold several, as for `radin.Pool`.
        prefix: the network is what stands under this prefix, as for `radin.Pool`.
        keep: tensors that soups do not average, as for `radin.Pool`.
        reorder_classes: bring the classes of folders into one order, as for `radin.Pool`.
        order: sort them by what their training runs noted, as for `radin.Pool`.
        rank, merge, base: of folders of low-rank adapters, as for `radin.Pool`.

    Raises:
        MissingFileError, CheckpointError, IncompatibleError: not one of the checkpoints can be read. Faults of some of
            them are in the inspection's `error`.
    """
    complaints = Complaints("checkpoints")
    choices: dict[str, Any] = {"weights": weights, "prefix": prefix, "keep": keep, "reorder_classes": reorder_classes}
    choices["order"] = order
    pool = Pool(paths, **choices, rank=rank, merge=merge, base=base, complaints=complaints)
    first: dict[str, str] = {}
    ingredients = []
    surveys = []
    for i, (name, path) in enumerate(zip(pool.names, pool.paths, strict=True)):
        fingerprint = pool.fingerprint(i)
        same = first.setdefault(fingerprint, name)
        surveys.append(survey(pool, i))
        twin = None if same == name else same
        made = Inspected(name, path, fingerprint, twin, pool.origin(i), surveys[-1].not_finite, training_metrics(path))
        ingredients.append(made)
    check_averageable(pool, surveys, complaints)
    return Inspection(pool, tuple(ingredients), _settled(complaints))


def _settled(complaints: Complaints) -> RadinError | None:
    try:
        complaints.settle()
    except RadinError as error:
        return error
    return None
