"""Positions: tokens or pixels, each with a class; those with the ignored label count nowhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from radin.errors import DataError, InputError, TaskError
from radin.scoring.kinds.base import FORWARD, Kept, Outputs, Raw
from radin.scoring.kinds.classes import IGNORED, Classes, check_classes

if TYPE_CHECKING:
    import torch

#: Draws the positions of a sample where not all are taken.
SEED = 0


@dataclass(frozen=True)
class Positions(Classes):
    """Each sample has a label at many positions. A row is a labelled position, and the sample is its group.

    Of each sample only labelled positions are kept, in their order, `width` places in all; places that are left over
    hold the label `IGNORED`, and outputs of 0.

    Arguments:
        ignored: the label of positions that do not count.
        most: positions of a sample at most, drawn at random, the same for all networks; None takes all.
        width: places of a sample; the largest number of its positions.
    """

    ignored: int = IGNORED
    most: int | None = None
    width: int = 0

    name = "positions"
    labels = "whole numbers [m, ...]"
    gives = "logits [m, ..., classes] or [m, classes, ...]"
    metrics = "positions"
    metric = "accuracy"

    def __post_init__(self) -> None:
        if self.most is not None and self.most < 1:
            raise InputError(f"positions must be at least 1 a sample, got {self.most!r}")

    @property
    def key(self) -> tuple[Any, ...]:
        """The name, and which positions are taken."""
        return (self.name, self.ignored, self.most)

    @property
    def entries(self) -> int:
        """Places of a sample."""
        return self.width

    def sized(self, raw: Sequence[Raw], what: str) -> Positions:
        """The same for the labels of all samples, which say how many places there are.

        Raises:
            DataError: not one position is labelled.
        """
        counts = [int((one != self.ignored).reshape(len(one), -1).sum(axis=1).max(initial=0)) for one in raw]
        width = max(counts, default=0)
        if not width:
            raise DataError(
                f"{what}: all labels are {self.ignored}, which marks positions that do not count; is another number "
                "to be ignored? Name it by ignore_index="
            )
        return replace(self, width=min(width, self.most or width))

    def keep(self, raw: Raw, what: str, places: Int64[np.ndarray, " m"]) -> Kept:
        """The labels of the positions that are taken, `int64[m, width]`."""
        if raw.ndim < 2 or raw.dtype.kind not in "iu":
            raise DataError(
                f"{what}: expected labels of {self.name}, {self.labels}, got {raw.dtype} of shape {list(raw.shape)}"
            )
        bad = ((raw < 0) & (raw != self.ignored)).reshape(len(raw), -1).any(axis=1)
        if bad.any():
            row = int(bad.argmax())
            label = int(raw[row][(raw[row] < 0) & (raw[row] != self.ignored)].ravel()[0])
            raise DataError(
                f"{what}: label {label} in sample {places[row]}: classes are numbered from 0 on, and {self.ignored} "
                "marks positions that do not count; another number is named by ignore_index="
            )
        flat = raw.reshape(len(raw), -1).astype(np.int64)
        taken = self.places(raw, places)
        kept = np.take_along_axis(flat, np.maximum(taken, 0), axis=1) if flat.shape[1] else taken
        return np.where(taken < 0, IGNORED, kept)

    def places(self, raw: Raw, samples: Int64[np.ndarray, " m"]) -> Int64[np.ndarray, "m width"]:
        """Places of the positions that are taken among all of each sample, ascending, and then -1.

        Arguments:
            raw: the labels.
            samples: places of the samples in their data.
        """
        labelled = raw.reshape(len(raw), -1) != self.ignored
        if self.most is not None:
            for i in np.flatnonzero(labelled.sum(axis=1) > self.most):
                found = np.flatnonzero(labelled[i])
                taken = np.random.default_rng((SEED, int(samples[i]))).permutation(found)[: self.most]
                labelled[i] = False
                labelled[i, taken] = True
        order = np.argsort(~labelled, axis=1, kind="stable")[:, : self.width]
        there = np.take_along_axis(labelled, order, axis=1)
        places = np.full((len(raw), self.width), -1, dtype=np.int64)
        places[:, : order.shape[1]] = np.where(there, order, -1)
        return places

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The logits of the positions that are taken, `[m, width, C]`."""
        import torch

        self.check_floating(given)
        by_place = self._classes_last(given, raw)
        taken = torch.from_numpy(self.places(raw, places)).to(given.device)
        index = taken.clamp(min=0).unsqueeze(2).expand(-1, -1, by_place.shape[2])
        return by_place.gather(1, index).masked_fill(taken.unsqueeze(2) < 0, 0.0)

    def _classes_last(self, given: torch.Tensor, raw: Raw) -> torch.Tensor:
        """The logits as `[m, positions, C]`. Where both layouts fit, tokens have classes last, and pixels first."""
        shape, labels = tuple(given.shape), raw.shape
        if given.ndim != raw.ndim + 1 or shape[0] != labels[0]:
            raise self._unfit(shape, labels)
        last, first = shape[:-1] == labels, shape[2:] == labels[1:]
        if not (last or first):
            raise self._unfit(shape, labels)
        if last and not (first and raw.ndim > 2):
            return given.reshape(len(raw), -1, shape[-1])
        return given.flatten(2).transpose(1, 2)

    def _unfit(self, shape: Sequence[int], labels: Sequence[int]) -> TaskError:
        inner = ", ".join(map(str, labels[1:]))
        return TaskError(
            f"expected logits of shape [{labels[0]}, {inner}, classes] or [{labels[0]}, classes, {inner}] from the "
            f"network, as the labels have shape {list(labels)} (positions), got {list(shape)}. Name another kind by "
            f"outputs=, or {FORWARD}"
        )

    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses labels outside `[0, C)`."""
        if not len(kept):
            raise DataError("expected at least one labelled sample, got no data")
        top = kept.reshape(len(kept), -1).max(axis=1)
        check_classes(np.where(top == IGNORED, 0, top), outputs_shape[-1], name)

    def strata(self, kept: Kept) -> Int64[np.ndarray, " m"]:
        """Samples with a labelled position, and samples without."""
        return (np.asarray(kept) != IGNORED).reshape(len(kept), -1).any(axis=1).astype(np.int64)

    def rows(self, kept: Kept) -> Int64[np.ndarray, " r"] | None:
        """The places that hold a position."""
        return np.flatnonzero(np.asarray(kept).reshape(-1) != IGNORED)

    def join(self, parts: Sequence[Outputs]) -> Outputs:
        """Batches one after the other."""
        return np.concatenate(parts)
