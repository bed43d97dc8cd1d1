"""Devices of networks: the names that PyTorch takes, and the errors by which it reports that memory ran out."""

from __future__ import annotations

import torch

from radin.errors import InputError

#: Words with which allocators and libraries say that memory ran out, in plain RuntimeErrors: the CPU's allocator, the
#: CUDA runtime and driver, cuBLAS and cuDNN (which cannot make a handle, or find an algorithm that fits), Apple's MPS,
#: Intel's XPU, and the system when it maps a file.
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory: you tried to allocate",
    "Cannot allocate memory",
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "nable to find an engine to execute this computation",
    "OUT_OF_RESOURCES",
    "OUT_OF_DEVICE_MEMORY",
    "OUT_OF_HOST_MEMORY",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's, or the machine's, memory ran out."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    return isinstance(error, RuntimeError) and any(words in str(error) for words in OUT_OF_MEMORY)


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
