"""Several labels a sample: each of L is true or not, with a logit of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.errors import DataError
from radin.scoring.kinds.base import Kept, Kind, Raw

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch


class SeveralLabels(Kind):
    """Each of L labels of a sample is true or not: a row is a sample, and L decisions. A logit above 0 says true."""

    name = "several-labels"
    labels = "0 or 1 [m, L]"
    gives = "logits [m, L], one for each label,"
    metrics = "several-labels"
    metric = "macro-f1"
    loss = "mean negative log-likelihood of the decisions"
    softmax = False
    has_columns = False

    def keep(self, raw: Raw, what: str, places: Int64[np.ndarray, " m"]) -> Kept:
        """The labels, `int64[m, L]` of 0 and 1."""
        if raw.ndim != 2 or raw.dtype.kind not in "biuf" or not raw.shape[1]:
            raise DataError(
                f"{what}: expected labels of {self.name}, {self.labels}, got {raw.dtype} of shape {list(raw.shape)}"
            )
        bad = ~np.isin(raw, (0, 1)).all(axis=1)
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"{what}: expected labels of {self.name}, {self.labels}, got {raw[row].tolist()} as those of sample "
                f"{places[row]}"
            )
        return raw.astype(np.int64)

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The logits."""
        if given.shape != raw.shape:
            raise self.refused(given.shape, len(raw), f"There are {raw.shape[1]} labels a sample.")
        self.check_floating(given)
        return given

    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses labels of another number."""
        if not len(kept):
            raise DataError("expected at least one labelled sample, got no data")
        if tuple(outputs_shape) != kept.shape[1:]:
            raise DataError(
                f"{name} gives outputs of shape {list(outputs_shape)} for a sample, but it has {kept.shape[1]} labels"
            )

    def strata(self, kept: Kept) -> Int64[np.ndarray, " m"]:
        """The number of labels that are true."""
        return kept.sum(axis=1)

    def losses(self, outputs: Any, labels: Any) -> Float64[np.ndarray, " r"]:
        """The mean negative log-likelihood of the decisions of each sample."""
        z = np.asarray(outputs, dtype=np.float64)
        return np.asarray((np.logaddexp(0.0, z) - z * labels).mean(axis=1))
