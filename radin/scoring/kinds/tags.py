"""Tags: each sample is a sequence of positions with a tag each, and counts as a whole.

Spans of tags, such as names of people in a text, begin and end inside of a sequence. So a metric of spans needs the
sequence: here a row is a sample, and its outputs are those of all of its positions, one after the other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.scoring.kinds.base import Kept, Raw
from radin.scoring.kinds.classes import IGNORED
from radin.scoring.kinds.positions import Positions
from radin.scoring.likelihood import losses

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Tags(Positions):
    """Each sample is a sequence of positions with a tag each. A row is a sample, with the tags of its positions.

    The logits of a sample are one row of `width · C` numbers; places that are left over hold the label `IGNORED`.
    """

    name = "tags"
    metrics = "tags"
    metric = "span-f1"
    softmax = False
    has_columns = False

    @property
    def entries(self) -> int:
        """A sample is one row."""
        return 1

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The logits of all positions that are taken, `[m, width · C]`."""
        return super().outputs(given, raw, places).flatten(1)

    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses labels outside `[0, C)`."""
        super().check_labels(kept, (outputs_shape[-1] // self.width,), name)

    def rows(self, kept: Kept) -> Int64[np.ndarray, " r"] | None:
        """Each sample is a row."""
        return None

    def losses(self, outputs: Any, labels: Any) -> Float64[np.ndarray, " r"]:
        """Sums over positions of the negative log-likelihoods of their tags."""
        there, tags = np.asarray(labels) != IGNORED, np.asarray(labels)
        by_position = np.asarray(outputs).reshape(*tags.shape, -1)
        found = np.zeros(tags.shape)
        found[there] = losses(by_position[there], tags[there])
        return np.asarray(found.sum(axis=1))
