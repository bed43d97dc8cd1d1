"""Devices of networks: the names that PyTorch takes, what their results depend on, and clocks that wait for them."""

from __future__ import annotations

import time

import torch

from radin.errors import InputError
from radin.scoring.surrogate.float32 import float32_settings


def parse_device(given: str | torch.device) -> torch.device:
    """The device that a setting stands for.

    Arguments:
        given: `auto` (CUDA where there is a device, else the CPU), or anything that `torch.device` takes: `cpu`,
            `cuda`, `cuda:1`, `mps`, `xpu`, ...

    Raises:
        InputError: PyTorch knows no such device, or this machine has none.
    """
    if given == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(given)
    except (RuntimeError, TypeError, ValueError) as error:
        raise InputError(
            f"device must be 'auto', 'cpu', 'cuda', 'cuda:1', 'mps' or another that PyTorch knows, got {given!r}"
        ) from error
    if device.type == "meta":
        raise InputError("device 'meta' holds no values, so nothing can be run on it; use 'auto' or 'cpu'")
    count = _count(device.type)
    if not count:
        raise InputError(
            f"device {str(given)!r} was asked for, but this PyTorch finds no {device.type.upper()} device; "
            "use 'auto' or 'cpu'"
        )
    if device.index is not None and device.index >= count:
        there = ", ".join(f"{device.type}:{i}" for i in range(count))
        raise InputError(f"device {str(given)!r} was asked for, but this machine has: {there}")
    return device


def _count(kind: str) -> int:
    """Devices of a kind that can be used now."""
    if kind == "cpu":
        return 1
    if kind == "mps":
        return int(torch.backends.mps.is_available())
    backend = getattr(torch, kind, None)
    available = getattr(backend, "is_available", None)
    if available is None or not available():
        return 0
    count = getattr(backend, "device_count", None)
    return int(count()) if count is not None else 1


def numerics_of(device: torch.device) -> tuple[str, ...]:
    """Names of all that the last bits of outputs on a device depend on, beside the network and its inputs.

    On the CPU its name alone, unless products in float32 may be rounded to less. On CUDA also the GPU's model, the
    versions of PyTorch and of the libraries beneath it, and whether TF32 may be used.
    """
    settings = float32_settings(device)
    if device.type == "cpu":
        lowered = {name: value for name, value in settings.items() if value != "ieee"} if _rounds(settings) else {}
        return ("cpu", *(f"{name}={value}" for name, value in sorted(lowered.items())))
    said = tuple(f"{name}={value}" for name, value in sorted(settings.items()))
    if device.type != "cuda":
        return (device.type, f"torch={torch.__version__}", *said)
    libraries = {"cuda": torch.version.cuda, "hip": torch.version.hip, "cudnn": torch.backends.cudnn.version()}  # type: ignore[no-untyped-call]
    versions = tuple(f"{name}={version}" for name, version in libraries.items() if version is not None)
    return ("cuda", torch.cuda.get_device_name(device), f"torch={torch.__version__}", *versions, *said)


def _rounds(settings: dict[str, str]) -> bool:
    return any(settings[name] != "ieee" for name in ("matmul", "conv"))


def synchronise(device: torch.device) -> None:
    """Waits for all work that a device was given; nothing on the CPU, which does it at once."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type != "cpu":
        waiting = getattr(getattr(torch, device.type, None), "synchronize", None)
        if waiting is not None:
            waiting()


def clock(device: torch.device) -> float:
    """Seconds of a steady clock, once a device has done all work that it was given."""
    synchronise(device)
    return time.perf_counter()
