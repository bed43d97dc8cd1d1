"""Probabilities of classes, averaged as they are: the arithmetic mean of networks, where logits give the geometric."""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from radin.scoring.kinds.classes import Classes

#: The probability that one of 0 counts as: the smallest normal number of float32.
LEAST = float(np.finfo(np.float32).smallest_normal)


class Probabilities(Classes):
    """Each sample has one class, and outputs are probabilities of the classes. Banks alone have it: networks do not."""

    name = "probabilities"
    gives = "probabilities [m, classes]"
    metrics = "probabilities"
    softmax = False

    def losses(self, outputs: Any, labels: Any) -> Float64[np.ndarray, " r"]:
        """Negative log-likelihoods."""
        own = np.take_along_axis(np.asarray(outputs, dtype=np.float64), np.asarray(labels)[:, None], axis=1)[:, 0]
        return -np.log(np.maximum(own, LEAST))


PROBABILITIES = Probabilities()
