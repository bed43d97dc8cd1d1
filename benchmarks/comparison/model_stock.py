"""Model Stock: weights between the pretrained ones and the average, at a ratio for each layer that angles determine."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

import radin


def ratio(cosine: float, n: int) -> float:
    """The ratio: `n cos θ / (1 + (n − 1) cos θ)`, equation 2 of Jang et al. 2024, arXiv 2403.19522, for n models.

    Fine-tunings that share no direction (an angle of 90° or more) stay at the pretrained weights.
    """
    cosine = max(cosine, 0.0)
    return n * cosine / (1 + (n - 1) * cosine)


def layerwise(pool: radin.Pool, anchor: radin.Pool) -> dict[str, np.ndarray]:
    """Every parameter between its pretrained value and its average, at the ratio of its own angle.

    The angle is the mean over pairs of fine-tuned models, seen from the pretrained one. With unit vectors `uᵢ` of the
    updates, the mean cosine is `(‖Σ uᵢ‖² − n) / (n (n − 1))`, so that one pass over the models is enough. Tensors that
    are not learned by gradients (BatchNorm's statistics, integers) are left to `radin.average`.

    Arguments:
        pool: the fine-tuned models, two or more.
        anchor: the pretrained model alone.
    """
    start = anchor.state_dict(0)
    learned = [name for name in pool.tensors if start[name].is_floating_point() and "running_" not in name]
    updates = {name: torch.zeros_like(start[name], dtype=torch.float64) for name in learned}
    directions = {name: torch.zeros_like(start[name], dtype=torch.float64) for name in learned}
    moved = dict.fromkeys(learned, 0)
    for i in range(len(pool)):
        state = pool.state_dict(i)
        for name in learned:
            update = state[name].double() - start[name].double()
            updates[name] += update
            if (length := float(update.norm())) > 0:
                directions[name] += update / length
                moved[name] += 1
    n = len(pool)
    mixed = {}
    for name in learned:
        k = moved[name]
        cosine = (float(directions[name].square().sum()) - k) / (k * (k - 1)) if k > 1 else 0.0
        mixed[name] = (start[name].double() + ratio(cosine, n) * updates[name] / n).numpy()
    return mixed


def write_model_stock(pool: radin.Pool, anchor: Path, path: Path, batchnorm: str) -> None:
    """Writes the Model Stock of a pool as a checkpoint.

    Raises:
        IncompatibleError: the pretrained model does not fit the pool.
    """
    radin.Pool([anchor, pool.paths[0]])  # raises IncompatibleError if they do not fit
    tensors = layerwise(pool, radin.Pool(anchor))
    radin.average(pool, radin.Recipe.uniform(pool.names), path, batchnorm=batchnorm, replace=tensors)
