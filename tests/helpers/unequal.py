"""A pool in which some ingredients are hopeless, so that a race drops them after its first stage."""

from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from helpers.small import make_pool

#: Samples that are enough for a race of three stages.
SAMPLES = 1_300


def make_unequal_pool(
    folder: Path, n: int = 6, hopeless: tuple[int, ...] = (1, 4), *, batchnorm: bool = False
) -> list[Path]:
    """A pool of fine-tuned checkpoints, some of which hold random weights."""
    paths = make_pool(folder, n, batchnorm=batchnorm)
    for i in hopeless:
        drawn = torch.Generator().manual_seed(i)
        tensors = {
            name: torch.randn(value.shape, generator=drawn) if name.endswith((".weight", ".bias")) else value
            for name, value in load_file(paths[i]).items()
        }
        save_file(tensors, paths[i])
    return paths
