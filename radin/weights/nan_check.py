"""Finds tensors that are not finite: NaN is refused wherever it is met, infinities are let through.

Masks hold infinities on purpose, and no file says which of its tensors are masks. NaN spreads to every soup.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from radin.common.wording import shown
from radin.errors import CheckpointError

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


def refuse_nan(pool: Pool, i: int, found: Sequence[NotFinite]) -> None:
    """Raises CheckpointError if some of the values that a survey found in ingredient `i` are NaN."""
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
