"""Groups of samples that depend on one another, such as the images of one patient."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from radin.errors import DataError


def group_numbers(ids: Any, samples: int, what: str) -> Int64[np.ndarray, " M"] | None:
    """A number for each sample, the same for those of one group; None where no group has two samples.

    Arguments:
        ids: for each sample the id of its group: whole numbers, or text.
        samples: how many there are.
        what: how error messages call the data.

    Raises:
        DataError: another number of ids, ids that are no whole numbers or text, or one group alone.
    """
    array = np.asarray(ids.detach().cpu() if isinstance(ids, torch.Tensor) else ids)
    if array.shape != (samples,):
        raise DataError(
            f"{what}: expected groups as one id for each of {samples} samples, got shape {list(array.shape)}"
        )
    if array.dtype.kind not in "biuOSU":
        raise DataError(f"{what}: expected groups as whole numbers or text, got {array.dtype}")
    found, numbers = np.unique(array.astype(str) if array.dtype.kind == "O" else array, return_inverse=True)
    if len(found) == 1 and samples > 1:
        raise DataError(
            f"{what}: all {samples} samples are of one group, {found[0].item()!r}, so nothing can be held back and no "
            "uncertainty be told; give the ids of smaller groups, or leave groups out"
        )
    return None if len(found) == samples else numbers.reshape(-1).astype(np.int64)
