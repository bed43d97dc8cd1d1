"""Errors by which allocators and libraries report that memory ran out, and memory that can be given back then."""

from __future__ import annotations

import sys
from typing import Any

#: Words with which they say so in plain RuntimeErrors: the CPU's allocator, the CUDA runtime and driver, cuBLAS and
#: cuDNN (which cannot make a handle, or find an algorithm that fits), Apple's MPS, Intel's XPU, and the system when it
#: maps a file.
OUT_OF_MEMORY = (
    "can't allocate memory",
    "not enough memory: you tried to allocate",
    "Cannot allocate memory",
    "out of memory",
    "STATUS_ALLOC_FAILED",
    "CUBLAS_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_NOT_INITIALIZED",
    "CUDNN_STATUS_INTERNAL_ERROR_HOST_ALLOCATION_FAILED",
    "CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED",
    "nable to find an engine to execute this computation",
    "nable to find a valid cuDNN algorithm",
    "OUT_OF_RESOURCES",
    "OUT_OF_DEVICE_MEMORY",
    "OUT_OF_HOST_MEMORY",
)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an error says that the device's, or the machine's, memory ran out.

    PyTorch's own `OutOfMemoryError` is a RuntimeError whose text says so, too.
    """
    if isinstance(error, MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    named = any(kind.__name__ == "OutOfMemoryError" for kind in type(error).__mro__)
    return named or any(words in str(error) for words in OUT_OF_MEMORY)


def release_cached_memory() -> None:
    """Gives the memory of GPUs that PyTorch keeps for later back to them.

    Where memory ran out, PyTorch has nearly all of it. Libraries such as cuBLAS take theirs from the device itself when
    they are first used, and would find none however small the batch is. To be called when the error is gone, as its
    traceback holds tensors.
    """
    torch: Any = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
