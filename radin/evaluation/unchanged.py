"""Stored logits beside those that the network gives now: a key cannot see everything that they depend on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from radin.errors import DataError
from radin.evaluation.loading import tolerance

if TYPE_CHECKING:
    from radin.evaluation.evaluation import Evaluation
    from radin.evaluation.evaluator import Evaluator


def check_unchanged(evaluator: Evaluator, single: Evaluation) -> bool:
    """Runs a first batch of an ingredient again, if any of its rows are stored; returns whether there are any.

    Raises:
        DataError: the logits differ by more than rounding.
    """
    known = evaluator.known(single)
    if not known.parts:
        return False
    whole = evaluator.is_stored(single)
    rows = np.arange(known.n_rows) if whole else np.sort(known.parts[-1].rows)
    network = evaluator.fill(single)
    fresh = evaluator.first_batch(None if whole else rows)
    expected = known.read(rows[: len(fresh)])
    scale = max(1.0, float(np.abs(expected).max()))
    difference = float(np.abs(fresh - expected).max()) if fresh.shape == expected.shape else np.inf
    if not difference <= tolerance(network, evaluator.task) * scale:
        raise DataError(
            f"{single.recipe}: the logits stored in {evaluator.folder.path} differ by {difference:.3g} from what the "
            "network gives now, for the same checkpoint, data and task code. Either the network is not "
            "deterministic, or it reads something else that changed; then use another run folder"
        )
    return True
