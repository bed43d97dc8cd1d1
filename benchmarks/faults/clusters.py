"""Faults of nodes, drivers, devices and disks on a Ray of this machine: a calm run's answer, or a clear error."""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

import radin
from benchmarks.faults.shop import Shop, outcome
from radin.errors import InputError, TaskError

#: The variable that a node has on which a file cannot be read.
BLIND = "RADIN_FAULTS_BLIND"

#: A file that is on no node.
NOWHERE = Path("/nowhere/run1.safetensors")

#: The kinds of faults, by what is done.
Case = Callable[[Shop, random.Random], list[str]]


class HalfBlind(radin.Pool):
    """A pool one of whose files cannot be read on some nodes."""

    @property
    def files(self) -> tuple[Path, ...]:
        """The files as this process sees them."""
        return (*super().files, *([NOWHERE] if os.environ.get(BLIND) else []))


@contextmanager
def nodes(count: int, **last: Any) -> Iterator[Any]:
    """A cluster of nodes on this machine, one core each; the settings are those of the last one."""
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    try:
        for number in range(1, count):
            cluster.add_node(num_cpus=1, **(last if number == count - 1 else {}))
        yield cluster
    finally:
        cluster.shutdown()


def node_removed(shop: Shop, rng: random.Random) -> list[str]:
    """One of three nodes is removed while a run goes on."""
    pids = shop.folder / "pids-node"
    with nodes(3) as cluster:

        def remove() -> None:
            shop.wait_for_workers(pids, os.getpid())
            time.sleep(rng.random())
            cluster.remove_node(max(cluster.worker_nodes, key=lambda node: node.unique_id))

        remover = threading.Thread(target=remove)
        remover.start()
        result = shop.run("node", pids, radin.Workers(count=3, address=cluster.address))
        remover.join()
    faults = [] if outcome(result) == shop.calm else ["another winner, score or soup"]
    return faults + ([f"one node lost {result.spent.lost} jobs"] if result.spent.lost > 1 else [])


def driver_killed(shop: Shop, rng: random.Random) -> list[str]:
    """The process that decides is killed, with the workers that it started; the same command is given again."""
    pids = shop.folder / "pids-driver"
    command = [sys.executable, "-m", "benchmarks.faults.shop", str(shop.folder), "driver", str(pids)]
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    workers = shop.wait_for_workers(pids, first.pid)
    time.sleep(rng.random())
    first.kill()
    first.wait()
    left = _alive_after(workers, seconds=60)
    again = subprocess.run(command, capture_output=True, text=True)
    if not workers:
        return ["no worker has run a batch"]
    if again.returncode:
        return [(again.stderr.strip().splitlines() or ["no message"])[-1]]
    found = json.loads(again.stdout.splitlines()[-1])
    faults = [] if tuple(found["outcome"]) == shop.calm else ["another winner, score or soup"]
    if found["lost"] > 1 + 2:  # as many passes as may be under way
        faults.append(f"one kill lost {found['lost']} passes")
    return faults + ([f"{left} workers outlive their driver"] if left else [])


def one_worker_raises(shop: Shop, rng: random.Random) -> list[str]:
    """The first worker's device is broken: every job on it raises."""
    broken = shop.folder / "broken"

    def trouble(x: torch.Tensor) -> None:
        try:
            with broken.open("x") as mark:
                mark.write(str(os.getpid()))
        except FileExistsError:
            pass
        if broken.read_text() == str(os.getpid()):
            raise ValueError("this device is broken")

    result = shop.run("raises", shop.folder / "pids-raises", 2, trouble)
    return [] if outcome(result) == shop.calm else ["another winner, score or soup"]


def memory_short(shop: Shop, rng: random.Random) -> list[str]:
    """Workers take batches of 16, not of 32: the run goes on with 16, as one process does."""

    def trouble(x: torch.Tensor) -> None:
        if len(x) > 16:
            raise torch.OutOfMemoryError("tried to allocate too much")

    there = shop.run("short", shop.folder / "pids-short", 2, trouble)
    here = shop.run("short here", shop.folder / "pids-here", None, trouble)
    return [] if outcome(there) == outcome(here) else ["another winner, score or soup than in one process"]


def memory_gone(shop: Shop, rng: random.Random) -> list[str]:
    """The system ends each worker that runs one ingredient: a clear error, and what was completed is kept."""
    marks, back = shop.folder / "batches", shop.folder / "memory is back"

    def trouble(x: torch.Tensor) -> None:
        if back.exists():
            return
        with marks.open("a") as file:
            file.write(".")
        if marks.stat().st_size > 12:
            os.kill(os.getpid(), signal.SIGKILL)

    faults = []
    try:
        shop.run("gone", shop.folder / "pids-gone", 2, trouble)
        faults.append("no error")
    except TaskError as error:
        if "ended its worker 3 times" not in str(error):
            faults.append(f"another error: {error}")
    back.touch()
    result = shop.run("gone", shop.folder / "pids-gone", 2, trouble)
    return faults + ([] if outcome(result) == shop.calm else ["another winner, score or soup after it"])


def node_blind(shop: Shop, rng: random.Random) -> list[str]:
    """A file cannot be read on one node of two: an error that names node and file, and nothing is charged."""
    faults = []
    with nodes(2, env_vars={BLIND: "1"}) as cluster:
        try:
            pool, workers = HalfBlind(shop.pool.paths), radin.Workers(count=2, address=cluster.address)
            shop.run("blind", shop.folder / "pids-blind", workers, pool=pool)
            faults.append("no error")
        except InputError as error:
            if "cannot read" not in str(error) or str(NOWHERE) not in str(error):
                faults.append(f"another error: {error}")
    with sqlite3.connect(shop.folder / "blind" / "ledger.db") as ledger:
        charged = ledger.execute("select count(*) from evaluations").fetchone()[0]
    return faults + ([f"{charged} evaluations were charged"] if charged else [])


#: Each kind of fault, by its name in the table.
CASES: dict[str, Case] = {
    "a node of three removed": node_removed,
    "driver killed, started again": driver_killed,
    "one worker raises": one_worker_raises,
    "memory short on workers": memory_short,
    "memory gone, three deaths": memory_gone,
    "file unreadable on a node": node_blind,
}


def _alive_after(processes: set[int], seconds: float) -> int:
    """Number of some processes that are still there after a while."""
    end = time.monotonic() + seconds
    while (left := sum(Path(f"/proc/{one}").exists() for one in processes)) and time.monotonic() < end:
        time.sleep(0.5)
    return left
