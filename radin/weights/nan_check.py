"""Which tensors are not finite: NaN is refused wherever it is met, infinities are let through.

Masks hold infinities on purpose, and no file says which of its tensors are masks. NaN spreads to every soup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from radin.checkpoints.dtypes import widen
from radin.common.wording import shown
from radin.errors import CheckpointError
from radin.weights.tiling import Workspace, share_out, spans

if TYPE_CHECKING:
    from radin.weights.pool import Pool

#: Tensors that a message names.
NAMED = 3


@dataclass(frozen=True)
class NotFinite:
    """Elements of one tensor that are not finite.

    Attributes:
        tensor: its name.
        values: elements in all.
        nan: those that are NaN.
        infinite: those that are infinite.
    """

    tensor: str
    values: int
    nan: int
    infinite: int


def not_finite(pool: Pool, i: int) -> list[NotFinite]:
    """The tensors of ingredient `i` that hold NaN or infinities, in file order; reads it once, in pieces.

    Call it right after the file's digest was taken: then its bytes come from memory, not from the disk again.
    """
    found: list[tuple[str, int, int]] = []
    floats = {name: info for name, info in pool.tensors.items() if info.kind.family == "float"}

    def look(job: tuple[str, list[tuple[int, int]]], space: Workspace) -> None:
        name, pieces = job
        kind = floats[name].kind
        for start, stop in pieces:
            stored = reader.read(name, start * kind.itemsize, stop * kind.itemsize, space.raw)
            values = widen(
                stored, kind, space.term[: (stop - start) * kind.accumulator.itemsize].view(kind.accumulator)
            )
            with np.errstate(all="ignore"):
                suspicious = not np.isfinite(values.sum())  # also where finite values overflow: then counted as none
            if suspicious:
                found.append((name, int(np.isnan(values).sum()), int(np.isinf(values).sum())))

    with pool.reader(i) as reader:
        share_out([(name, span) for name, info in floats.items() for span in spans(info.numel)], look)
        reader.check_unchanged()
    sums = {name: np.zeros(2, dtype=np.int64) for name in floats}
    for name, nan, infinite in found:
        sums[name] += nan, infinite
    return [NotFinite(name, floats[name].numel, int(n), int(inf)) for name, (n, inf) in sums.items() if n or inf]


def check_no_nan(pool: Pool, i: int) -> None:
    """Reads ingredient `i` and refuses it if any of its values is NaN.

    Raises:
        CheckpointError: names the file, the tensors and how many values.
    """
    refuse_nan(pool, i, not_finite(pool, i))


def refuse_nan(pool: Pool, i: int, found: Sequence[NotFinite]) -> None:
    """Raises CheckpointError if some of what `not_finite` found in ingredient `i` is NaN."""
    nan = {one.tensor: f"{one.nan:,} of {one.values:,} values" for one in found if one.nan}
    if nan:
        raise nan_error(pool, i, nan)


def nan_error(pool: Pool, i: int, tensors: Mapping[str, str]) -> CheckpointError:
    """The error for an ingredient with NaN.

    Arguments:
        pool: the ingredients.
        i: index of the one.
        tensors: the tensors that hold NaN, and what else is known of each; empty text for nothing.
    """
    named = [f"{shown(name)}" + f" ({about})" * bool(about) for name, about in list(tensors.items())[:NAMED]]
    more = f" and {len(tensors) - NAMED} more" if len(tensors) > NAMED else ""
    held = f"tensor {named[0]} holds" if len(tensors) == 1 else f"tensors {', '.join(named)}{more} hold"
    return CheckpointError(
        f"{pool.paths[i]}: {held} NaN, so no soup with it can be of use. Leave {pool.names[i]!r} out, or take a "
        "checkpoint from before it diverged."
    )
