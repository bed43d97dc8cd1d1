"""Large tensors in small pieces: tiles that fit a core's cache, and threads to share them."""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import numpy as np

Job = TypeVar("Job")

#: Elements in a tile: 1 MB in float32. Smaller ones stay in a core's own cache, but their threads wait for each other:
#: every read and every operation hands the interpreter's lock over.
TILE = 262_144

#: Tiles that a thread takes at a time: long enough to read ahead in, short enough to share one large tensor.
SPAN = 4


class Workspace:
    """One thread's buffers, reused from tile to tile."""

    def __init__(self) -> None:
        self.raw, self.sum, self.term, self.bits = (np.empty(8 * TILE, dtype=np.uint8) for _ in range(4))


def tiles(numel: int) -> Iterator[tuple[int, int]]:
    """`(start, stop)` of each tile of a tensor; none for an empty one."""
    return ((start, min(start + TILE, numel)) for start in range(0, numel, TILE))


def spans(numel: int) -> list[list[tuple[int, int]]]:
    """One tensor's tiles, in the portions that threads take."""
    pieces = list(tiles(numel))
    return [pieces[first : first + SPAN] for first in range(0, len(pieces), SPAN)]


def share_out(jobs: Sequence[Job], work: Callable[[Job, Workspace], None], threads: int | None = None) -> None:
    """Calls `work(job, workspace)` for every job. The first error, in the jobs' order, stops all and is raised.

    Arguments:
        jobs: in the order in which they are begun.
        work: is called once for each job, with a workspace that no other thread uses.
        threads: by default as many as there are cores, at most four: more would wait for memory, not compute. Where the
            system starts no more, fewer do the work.
    """
    pending = deque(enumerate(jobs))
    failures: list[tuple[int, BaseException]] = []

    def run() -> None:
        space = Workspace()
        while pending:
            try:
                place, job = pending.popleft()
            except IndexError:  # another thread took the last one
                return
            try:
                work(job, space)
            except BaseException as error:  # KeyboardInterrupt too: it must stop the other threads
                pending.clear()
                failures.append((place, error))

    helpers = []
    for _ in range(min(threads or min(_cores(), 4), len(jobs)) - 1):
        helper = threading.Thread(target=run)
        try:
            helper.start()
        except RuntimeError:  # a limit on threads: this one does the work of those that are missing
            break
        helpers.append(helper)
    run()
    for helper in helpers:
        try:
            helper.join()
        except BaseException as error:  # Ctrl-C while waiting
            pending.clear()
            failures.append((-1, error))
            helper.join()
    if failures:
        raise min(failures, key=lambda failure: failure[0])[1]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
