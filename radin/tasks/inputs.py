"""Inputs on their way to the device of the network."""

from __future__ import annotations

from functools import cache

import torch


def on_device(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    """A copy of a tensor on a device, which a network may change without changing the data.

    To CUDA it goes through pinned memory on a stream of its own, so that the bus carries one batch while the device
    works on the one before.
    """
    if tensor.device.type == "cpu" and device.type == "cuda":
        return _carried(tensor, device)
    moved = tensor.to(device, non_blocking=True)
    return moved.clone() if moved is tensor else moved


def _carried(tensor: torch.Tensor, device: torch.device) -> torch.Tensor:
    with torch.cuda.device(device):
        here, bus = torch.cuda.current_stream(), _bus(torch.cuda.current_device())
        pinned = tensor.pin_memory()
        with torch.cuda.stream(bus):
            moved = pinned.to(device, non_blocking=True)
        here.wait_stream(bus)
        moved.record_stream(here)  # its memory serves the next copy only when the network is done with it
    return moved


@cache
def _bus(index: int) -> torch.cuda.Stream:
    """The stream on which inputs travel to a device; one for each, as each has its own memory for it."""
    return torch.cuda.Stream(index)  # type: ignore[no-untyped-call]  # torch leaves it without annotations
