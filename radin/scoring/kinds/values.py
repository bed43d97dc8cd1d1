"""Values: each sample has one number, or d of them, to be predicted."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.errors import DataError
from radin.scoring.kinds.base import Kept, Kind, Raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


class Values(Kind):
    """Each sample has `d` values, and the network predicts them."""

    name = "values"
    labels = "floating-point numbers [m] or [m, d]"
    gives = "values of the labels' shape, [m] or [m, d],"
    metrics = "values"
    metric = "mse"
    loss = "mean squared error"
    softmax = False
    has_columns = False

    def keep(self, raw: Raw, what: str, places: Int64[np.ndarray, " m"]) -> Kept:
        """The values, `float64[m, d]`."""
        if raw.ndim not in (1, 2) or raw.dtype.kind not in "iuf" or (raw.ndim == 2 and not raw.shape[1]):
            raise DataError(
                f"{what}: expected labels of {self.name}, {self.labels}, got {raw.dtype} of shape {list(raw.shape)}"
            )
        kept = raw.astype(np.float64).reshape(len(raw), -1)
        bad = ~np.isfinite(kept).all(axis=1)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"{what}: expected labels of {self.name}, {self.labels}, got {raw[row].tolist()} as that of sample "
                f"{places[row]}; leave out the samples without a value"
            )
        return kept

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The predictions, `[m, d]`."""
        d = raw.shape[1] if raw.ndim == 2 else 1
        if list(given.shape) not in ([len(raw), d], *([[len(raw)]] if d == 1 else [])):
            whole = d == 1 and bool((raw >= 0).all() and (raw == np.round(raw)).all())
            classes = " They are whole numbers: if they are classes, give integers, labels.long()." if whole else ""
            raise self.refused(given.shape, len(raw), f"The labels have shape {list(raw.shape)}.{classes}")
        self.check_floating(given)
        return given.reshape(len(raw), d)

    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses values of another number."""
        if not len(kept):
            raise DataError("expected at least one labelled sample, got no data")
        if tuple(outputs_shape) != kept.shape[1:]:
            raise DataError(
                f"{name} gives outputs of shape {list(outputs_shape)} for a sample, but it has {kept.shape[1]} values"
            )

    def losses(self, outputs: Any, labels: Any) -> Float64[np.ndarray, " r"]:
        """Squared errors, the mean over the values of a sample."""
        return np.asarray(np.square(np.asarray(outputs, dtype=np.float64) - labels).mean(axis=1))
