"""The task of the runs that are disturbed: small networks on clouds of points, and a forward pass that is witnessed.

Every batch leaves one line in the file that the variable `RADIN_FAULTS_WITNESS` names: the fingerprint of the weights
it was run with. So what was evaluated, and how often, is known from the task alone, whatever the ledger says.
"""

from __future__ import annotations

import os
import zlib

import numpy as np
import torch
from torch import nn

import radin

WITNESS = "RADIN_FAULTS_WITNESS"

#: The variable that says how many threads PyTorch shall use.
THREADS = "RADIN_FAULTS_THREADS"

FEATURES, CLASSES, SAMPLES, BATCH = 5, 4, 320, 64


def build_network(batchnorm: bool) -> nn.Module:
    """Two hidden layers, with BatchNorm after the first on request."""
    middle = nn.BatchNorm1d(16) if batchnorm else nn.Identity()
    return nn.Sequential(
        nn.Linear(FEATURES, 16), middle, nn.Tanh(), nn.Linear(16, 16), nn.Tanh(), nn.Linear(16, CLASSES)
    )


def clouds(n: int, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Points around four centres that overlap, and the centre of each."""
    centres = 1.2 * np.random.default_rng(9).normal(size=(CLASSES, FEATURES))
    rng = np.random.default_rng(seed)
    labels = rng.integers(CLASSES, size=n)
    points = centres[labels] + 1.5 * rng.normal(size=(n, FEATURES))
    return torch.tensor(points, dtype=torch.float32), torch.tensor(labels)


def witnessed(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    """The forward pass, which leaves the fingerprint of the network's parameters."""
    if path := os.environ.get(WITNESS):
        mark = 0
        for parameter in network.parameters():
            mark = zlib.crc32(parameter.detach().numpy().tobytes(), mark)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(file, f"{mark:08x}\n".encode())
        os.close(file)
    outputs: torch.Tensor = network(inputs)
    return outputs


def task(batchnorm: bool = False, tests: bool = False) -> radin.Task:
    """The task; with `tests`, a test set reports instead of a part that is held back."""
    torch.set_num_threads(int(os.environ.get(THREADS, "1")))
    return radin.Task(
        lambda: build_network(batchnorm),
        clouds(SAMPLES, seed=1),
        forward=witnessed,
        device="cpu",
        batch_size=BATCH,
        test=clouds(160, seed=2) if tests else None,
    )
