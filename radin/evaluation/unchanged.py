"""Compares stored logits with those that the network gives now: a key cannot see everything that they depend on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import Float32
from torch import nn

from radin.errors import DataError
from radin.evaluation.same_outputs import tolerance
from radin.recipe import Recipe
from radin.scoring.kinds import Choices
from radin.scoring.kinds.choices import ABSENT, filled_up
from radin.tasks.task import Task


def check_unchanged(
    recipe: Recipe,
    stored: Float32[np.ndarray, "b ..."],
    fresh: Float32[np.ndarray, "d ..."],
    *,
    network: nn.Module,
    task: Task,
    folder: Path,
) -> None:
    """Refuses stored logits that differ from fresh ones by more than rounding.

    Arguments:
        recipe: the ingredient that both are of.
        stored: its logits on some rows, from the run folder.
        fresh: its logits on the same rows, of the network as it is now.
        network: gave the fresh ones.
        task: runs the network.
        folder: the run folder, to be named.

    Raises:
        DataError: they differ.
    """
    if isinstance(task.kind, Choices):
        stored, fresh = (filled_up(one, max(stored.shape[1], fresh.shape[1])) for one in (stored, fresh))
    difference = float(np.abs(fresh - stored).max()) if fresh.shape == stored.shape else np.inf
    scale = max(1.0, float(np.abs(stored[stored > ABSENT]).max(initial=0)))
    if not difference <= tolerance(network, task) * scale:
        raise DataError(
            f"{recipe}: the logits stored in {folder} differ by {difference:.3g} from what the network gives now, for "
            "the same checkpoint, data and task code. Either the network is not deterministic, or it reads something "
            "else that changed; then use another run folder"
        )
