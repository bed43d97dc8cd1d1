"""Runs on workers of a local Ray: SIGKILL at random moments, and the faults of `benchmarks.faults.clusters`.

The soup has to be that of a calm run, with at most one job repeated a kill, or the error has to be a clear one.
"""

from __future__ import annotations

import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import radin
from benchmarks.faults.clusters import CASES
from benchmarks.faults.rows import Trial
from benchmarks.faults.shop import WORKERS, B, Shop, outcome
from radin.evaluation.on_ray.cluster import connected

FAMILY = "workers"

#: Trials in which workers are killed, the first ones; each fault of `CASES` follows once.
KILLS = 50


def trials(folder: Path, seed: int, numbers: range) -> Iterator[Trial]:
    """One trial a number: up to `KILLS` one to three workers are killed while the run goes on."""
    folder.mkdir(parents=True)
    shop, kills = Shop(folder), [number for number in numbers if number < KILLS]
    if kills:
        with connected(radin.Workers(count=WORKERS)):
            for number in kills:
                yield killed(shop, number, random.Random(f"{FAMILY} {seed} {number}"))
    for number, (name, case) in enumerate(CASES.items(), start=KILLS):
        if number in numbers:
            start = time.monotonic()
            faults = case(shop, random.Random(f"{FAMILY} {seed} {number}"))
            held = "as promised" if not faults else "not as promised"
            what = (case.__doc__ or name).rstrip(".")
            yield Trial(FAMILY, name, number, what, held, tuple(faults), time.monotonic() - start)


def killed(shop: Shop, number: int, rng: random.Random) -> Trial:
    """A run in which workers are killed."""
    start, delays = time.monotonic(), [rng.random() * 1.5 for _ in range(rng.choice([1, 1, 2, 3]))]
    with tempfile.TemporaryDirectory() as scratch:
        killer = Killer(Path(scratch) / "pids", delays, rng)
        killer.start()
        result = shop.run(f"run {number}", Path(scratch) / "pids")
        killer.stop()
    faults = []
    if outcome(result) != shop.calm:
        faults.append("another winner, score or soup")
    if result.spent.lost > killer.kills:
        faults.append(f"{killer.kills} kills lost {result.spent.lost} jobs")
    if result.spent.soups > B:
        faults.append(f"{result.spent.soups} soups, where {B} are allowed")
    what = f"SIGKILL for {killer.kills} of {WORKERS} workers"
    held = "same result" if not faults else "another result"
    return Trial(FAMILY, "SIGKILL", number, what, held, tuple(faults), time.monotonic() - start)


class Killer(threading.Thread):
    """Kills workers that have begun to run batches, each after a delay.

    Arguments:
        pids: the folder in which each leaves its process id.
        delays: seconds from a sign of life to a kill.
        rng: draws the worker.
    """

    def __init__(self, pids: Path, delays: list[float], rng: random.Random) -> None:
        super().__init__(daemon=True)
        self._pids, self._delays, self._rng, self._over = pids, delays, rng, threading.Event()
        self.kills = 0

    def run(self) -> None:
        """Waits for workers, and kills one after each delay."""
        for delay in self._delays:
            while not self._over.is_set() and not self._alive():
                time.sleep(0.01)
            if self._over.wait(delay):
                return
            there = self._alive()
            if there:
                os.kill(self._rng.choice(there), signal.SIGKILL)
                self.kills += 1

    def stop(self) -> None:
        """Ends the thread, once the run is over."""
        self._over.set()
        self.join()

    def _alive(self) -> list[int]:
        return sorted(pid for pid in Shop.workers(self._pids, os.getpid()) if Path(f"/proc/{pid}").exists())
