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


def resident_mb() -> float:
    """Resident memory (`VmRSS`), the pages of files that are mapped included. 0 where it is unknown."""
    status = Path("/proc/self/status")
    if not status.exists():
        return 0.0
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def peak_growth(work: Callable[[], object], measure: Callable[[], float] = private_mb) -> tuple[float, float]:
    """Seconds that the work took, and MB by which memory, private by default, grew at its peak."""
    gc.collect()
    before = peak = measure()
    done = threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(INTERVAL):
            peak = max(peak, measure())

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.perf_counter()
    try:
        work()
    finally:
        seconds = time.perf_counter() - start
        done.set()
        watcher.join()
    return seconds, max(peak, measure()) - before
