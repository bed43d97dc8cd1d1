"""Refusal of outputs that are not finite: names the sample, and tells broken inputs from a diverged network."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int64

from radin.errors import DataError, NonFiniteError
from radin.scoring.kinds import Kind
from radin.scoring.stored_outputs import check_finite
from radin.tasks.batches import map_tensors
from radin.tasks.data import Rows


def check_outputs(kind: Kind, outputs: np.ndarray, rows: Rows, places: Int64[np.ndarray, " b"], name: str) -> None:
    """Refuses outputs that are not finite.

    Arguments:
        kind: of the outputs.
        outputs: of one batch, `[b, ...]`.
        rows: the samples' source. The inputs of the sample in question are read from it again.
        places: of the batch's samples in the source.
        name: of the network.

    Raises:
        NonFiniteError: the network has diverged, or overflows. Says for which sample.
        DataError: the sample's inputs are not finite themselves, so that no network can be right. Says which sample.
    """
    try:
        check_finite(kind, outputs, name)
    except NonFiniteError:
        for output, place in zip(outputs, places, strict=True):
            try:
                check_finite(kind, output[None], name, int(place))
            except NonFiniteError as error:
                _check_inputs(rows, int(place), error)
                raise error from None
        raise


def _check_inputs(rows: Rows, place: int, cause: NonFiniteError) -> None:
    """Refuses a sample whose inputs hold NaN or infinities."""
    finite = list[bool]()
    map_tensors(lambda part: finite.append(bool(torch.isfinite(part).all())), rows.take(np.array([place])))
    if not all(finite):
        raise DataError(
            f"{rows.what}: the inputs of sample {place} hold NaN or infinities, so the outputs of every network are "
            "not finite either; mend the sample or leave it out"
        ) from cause
