"""Runs independent pieces of work on all cores, each piece on one core.

Blocks that fit a core's cache are too small to be shared by cores: the barriers inside every operation cost more than
the operations, and far more when other processes want the cores, too. So each piece runs whole on a thread of its own
whose torch operations do not split further. (Everything heavy releases the interpreter's lock.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")
R = TypeVar("R")


def workers(device: object = "cpu") -> int:
    """Number of threads that work together: torch's number of threads on the CPU, one on any other device."""
    import torch

    return torch.get_num_threads() if torch.device(str(device)).type == "cpu" else 1


def run(function: Callable[[T], R], pieces: Iterable[T], threads: int) -> list[R]:
    """`[function(piece) for piece in pieces]`, on that many threads."""
    import torch

    work = list(pieces)
    whole = torch.get_num_threads()
    try:
        # For torch, the number of threads belongs to the calling thread, but is also what later threads start with.
        if threads <= 1 or len(work) <= 1:
            torch.set_num_threads(1)
            return [function(piece) for piece in work]
        with ThreadPoolExecutor(min(threads, len(work)), initializer=torch.set_num_threads, initargs=(1,)) as pool:
            return list(pool.map(function, work))
    finally:
        torch.set_num_threads(whole)
