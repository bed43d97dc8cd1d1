"""Peak growth of this process's private memory during a piece of work."""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable
from pathlib import Path

INTERVAL = 0.002


def private_mb() -> float:
    """Anonymous resident memory (`RssAnon`): without the page cache that maps of files show. 0 where it is unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) / 1024


def peak_growth(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds that the work took, and MB by which private memory grew at its peak."""
    gc.collect()
    before = peak = private_mb()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(INTERVAL):
            peak = max(peak, private_mb())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        work()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
    return seconds, max(peak, private_mb()) - before
