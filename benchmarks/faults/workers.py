"""Runs on workers of a local Ray, which SIGKILL ends at random moments: the same soup, and at most one job a kill."""

from __future__ import annotations

import hashlib
import os
import random
import signal
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import torch
from safetensors.torch import save_file

import radin
from benchmarks.faults.rows import Trial
from benchmarks.faults.tiny_task import SAMPLES, build_network, clouds
from radin.evaluation.on_ray.cluster import connected

FAMILY = "workers"

#: Ingredients, real soups and workers of each run.
N, B, WORKERS = 4, 2, 2

#: Seconds that each batch takes longer, so that a kill hits one.
PAUSE = 0.05


class Shop:
    """A pool, and the run that nothing disturbs.

    Arguments:
        folder: an empty folder.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        torch.manual_seed(3)
        start = build_network(False).state_dict()
        paths = []
        for i in range(N):
            state = {name: tensor + 0.2 * torch.randn_like(tensor) for name, tensor in start.items()}
            paths.append(folder / f"run{i}.safetensors")
            save_file(state, paths[-1])
        self.pool = radin.Pool(paths)
        self.calm = self.outcome(self.run("calm", folder / "pids-calm"))

    def run(self, name: str, pids: Path) -> radin.Result:
        """One run on workers, which leave their process ids."""
        pids.mkdir()

        def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
            (pids / str(os.getpid())).touch()
            time.sleep(PAUSE)
            outputs: torch.Tensor = network(x)
            return outputs

        task = radin.Task(
            lambda: build_network(False), clouds(SAMPLES, seed=1), forward=forward, device="cpu", batch_size=32
        )
        budget = radin.Budget(soups=B, candidates=30)
        return radin.make_soup(self.pool, task, budget=budget, run_dir=self.folder / name, workers=WORKERS)

    @staticmethod
    def outcome(result: radin.Result) -> tuple[str, float, str]:
        """Winner, score, and the fingerprint of the soup."""
        soup = hashlib.sha256((result.run_dir / "soup.safetensors").read_bytes()).hexdigest()
        return str(result.best.recipe), result.best.score, soup


def trials(folder: Path, seed: int, numbers: range) -> Iterator[Trial]:
    """One trial a number: one to three workers are killed while the run goes on."""
    folder.mkdir(parents=True)
    with connected(radin.Workers(count=WORKERS)):
        shop = Shop(folder)
        for number in numbers:
            rng = random.Random(f"{FAMILY} {seed} {number}")
            start, delays = time.monotonic(), [rng.random() * 1.5 for _ in range(rng.choice([1, 1, 2, 3]))]
            with tempfile.TemporaryDirectory() as scratch:
                killer = Killer(Path(scratch) / "pids", delays, rng)
                killer.start()
                result = shop.run(f"run {number}", Path(scratch) / "pids")
                killer.stop()
            faults = []
            if shop.outcome(result) != shop.calm:
                faults.append("another winner, score or soup")
            if result.spent.lost > killer.kills:
                faults.append(f"{killer.kills} kills lost {result.spent.lost} jobs")
            if result.spent.soups > B:
                faults.append(f"{result.spent.soups} soups, where {B} are allowed")
            what = f"SIGKILL for {killer.kills} of {WORKERS} workers"
            outcome = "same result" if not faults else "another result"
            yield Trial(FAMILY, "make_soup", number, what, outcome, tuple(faults), time.monotonic() - start)


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
        own = os.getpid()
        found = [int(file.name) for file in self._pids.glob("*")]
        return sorted(pid for pid in found if pid != own and Path(f"/proc/{pid}").exists())
