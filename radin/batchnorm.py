"""BatchNorm statistics computed anew for a soup, from unlabelled samples."""

from __future__ import annotations

from collections.abc import Iterator
from operator import itemgetter

import numpy as np
import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from radin.tasks.data import map_tensors, n_samples
from radin.tasks.task import Task

#: Samples that give the statistics. Means and variances of activations settle long before that many.
SAMPLES = 4096


def recompute_statistics(network: nn.Module, task: Task, batch_size: int) -> None:
    """Replaces running means and variances by those of the network's own activations, averaged over batches.

    The mean of the members' statistics is not the statistic of the mean of the members' weights. This is the update of
    stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407), on the first `SAMPLES` samples that select;
    held-back samples and labels are not touched.

    Arguments:
        network: changed in place; left ready for inference.
        task: gives the samples and runs the network on them.
        batch_size: samples per forward pass.
    """
    layers = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    if not layers:
        return
    momenta = [layer.momentum for layer in layers]
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average over batches
        layer.train()
    try:
        for inputs in _selecting(task):
            for start in range(0, n_samples(inputs), batch_size):
                task.forward_batch(network, inputs, start, start + batch_size)
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()


def statistics_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Running means and variances of all BatchNorm layers, by the names that a state dict gives them."""
    return {
        f"{name}.{statistic}" if name else statistic: getattr(module, statistic).cpu().numpy().copy()
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
        for statistic in ("running_mean", "running_var")
    }


def _selecting(task: Task) -> Iterator[object]:
    """Batches of the first `SAMPLES` samples that select."""
    wanted = np.zeros(len(task.rows), dtype=bool)
    wanted[task.split[0][:SAMPLES]] = True
    done = 0
    for inputs in task.rows.batches():
        stop = done + n_samples(inputs)
        chosen = torch.from_numpy(np.flatnonzero(wanted[done:stop]))
        if len(chosen):
            yield map_tensors(itemgetter(chosen), inputs)
        done = stop
        if not wanted[done:].any():
            return
