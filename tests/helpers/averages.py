"""Pools of given tensors, their soups, and a slow average that is obviously right."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from radin.weights.averaging import average
from radin.weights.pool import Pool

State = Mapping[str, Tensor]


def pool_of(folder: Path, states: Sequence[State], suffix: str = "safetensors") -> Pool:
    """A pool of files with these states."""
    for i, state in enumerate(states):
        if suffix == "pt":
            torch.save(dict(state), folder / f"{i:03}.pt")
        else:
            save_file(dict(state), folder / f"{i:03}.safetensors")
    return Pool([folder / f"{i:03}.{suffix}" for i in range(len(states))])


def soup_of(folder: Path, states: Sequence[State], weights: Sequence[float], **options: object) -> dict[str, Tensor]:
    """The tensors of a soup of these states, as its file holds them."""
    pool = pool_of(folder, states)
    return load_file(average(pool, weights, folder / "soup.safetensors", **options))  # type: ignore[arg-type]


def bits(tensor: Tensor) -> bytes:
    """The bytes of a tensor."""
    return tensor.clone(memory_format=torch.contiguous_format).view(-1).view(torch.uint8).numpy().tobytes()


def oracle(tensors: Sequence[Tensor], weights: Sequence[float]) -> Tensor:
    """One term after the other, each operation rounded."""
    members = [(tensor, weight) for tensor, weight in zip(tensors, weights, strict=True) if weight > 0]
    first = members[0][0]
    if all(bits(tensor) == bits(first) for tensor, _ in members):
        return first
    wide = torch.float64 if first.dtype == torch.float64 else torch.float32
    total = None
    for tensor, weight in members:
        term = torch.tensor(weight, dtype=wide) * tensor.to(wide)
        total = term if total is None else total + term
    assert total is not None
    return total.to(first.dtype)
