"""BatchNorm statistics of a soup, recomputed from unlabelled samples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from radin.errors import DataError, TaskError
from radin.tasks.batches import cut, n_samples
from radin.tasks.task import Task
from radin.weights.merge_plan import STATISTICS

#: Samples that give the statistics; they are held in memory at once. The relative error of a variance from so many is
#: about sqrt(2 / 1024), 4 %, for a layer without spatial positions, and smaller with them.
SAMPLES = 1024


def statistics_rows(task: Task) -> Int64[np.ndarray, " s"]:
    """Places of the samples that give the statistics, ascending: drawn from those that select, so that classes mix."""
    selecting = task.split[0]
    drawn = np.random.default_rng(0).permutation(len(selecting))[:SAMPLES]
    return np.sort(selecting[drawn])


def n_batches(n_rows: int, batch_size: int) -> int:
    """Batches that the statistics are averaged over; none has a single sample, which has no variance."""
    return max(1, min(-(-n_rows // batch_size), n_rows // 2))


def recompute_statistics(network: nn.Module, task: Task, batch_size: int) -> None:
    """Replaces running means and variances by those of the network's own activations, averaged over batches.

    The mean of the members' statistics is not the statistic of the mean of the members' weights. This is the update of
    stochastic weight averaging (Izmailov et al. 2018, arXiv 1803.05407), on `SAMPLES` samples that select, in batches
    of nearly equal size whose order is shuffled: data often come sorted by class, and the variance between classes is
    part of the variance. Held-back samples and labels are not touched. A layer that inference does not reach, such as
    one of an auxiliary head, keeps the statistics that it has.

    Arguments:
        network: changed in place; left ready for inference.
        task: gives the samples and runs the network on them.
        batch_size: samples per forward pass, at most.

    Raises:
        TaskError: there are fewer than two samples.
    """
    layers = [layer for _, layer in _layers(network)]
    if not layers:
        return
    task.prepare_network(network)  # the forward pass may need state that `prepare` derives from the weights
    momenta, before = [layer.momentum for layer in layers], statistics_of(network)
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a cumulative average over batches
        layer.train()
    try:
        for inputs in _batches(task, batch_size):
            task.forward_batch(network, inputs, 0, n_samples(inputs))
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum
            layer.eval()
        for name, layer in _layers(network):
            if not layer.num_batches_tracked:
                restore_statistics(layer, {one: before[f"{name}.{one}" if name else one] for one in STATISTICS})


def keeps_statistics(network: nn.Module) -> bool:
    """Whether any BatchNorm layer keeps running means and variances."""
    return bool(_layers(network))


def statistics_of(network: nn.Module) -> dict[str, np.ndarray]:
    """Running means and variances of all BatchNorm layers, by the names that a state dict gives them."""
    buffers = _buffers(network).items()
    # numpy knows no bfloat16.
    plain = {name: buffer.float() if buffer.dtype == torch.bfloat16 else buffer for name, buffer in buffers}
    return {name: buffer.cpu().numpy().copy() for name, buffer in plain.items()}


def restore_statistics(network: nn.Module, statistics: Mapping[str, np.ndarray]) -> None:
    """Gives a network the running means and variances that `statistics_of` took from it."""
    for name, buffer in _buffers(network).items():
        buffer.copy_(torch.from_numpy(statistics[name]))


def _layers(network: nn.Module) -> list[tuple[str, _BatchNorm]]:
    """The layers that keep running statistics, with their names; one that is used twice has two."""
    named = network.named_modules(remove_duplicate=False)
    return [(name, layer) for name, layer in named if isinstance(layer, _BatchNorm) and layer.track_running_stats]


def _buffers(network: nn.Module) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{statistic}" if name else statistic: getattr(layer, statistic)
        for name, layer in _layers(network)
        for statistic in STATISTICS
    }


def check_sizes(task: Task) -> None:
    """Refuses samples of several sizes, which make no common batch, before anything is spent.

    Raises:
        DataError: says which sizes.
    """
    sizes = task.rows.several_sizes
    if sizes is not None:
        raise DataError(
            f"{task.rows.what}: BatchNorm statistics are computed on batches of all samples mixed, but these come in "
            f"several sizes, such as {sizes[0]} and {sizes[1]}; bring all to one size, or average the statistics."
        ).mended_by(batchnorm="average")


def _batches(task: Task, batch_size: int) -> Iterator[Any]:
    """The samples in shuffled batches, one after the other."""
    rows = statistics_rows(task)
    if len(rows) < 2:
        raise TaskError(
            "recomputing BatchNorm statistics takes at least two samples that select; use another policy."
        ).mended_by(batchnorm="average")
    inputs = task.rows.take(rows)
    order = np.random.default_rng(1).permutation(len(rows))
    parts = np.array_split(order, n_batches(len(rows), batch_size))
    return (cut(inputs, torch.from_numpy(part)) for part in parts)
