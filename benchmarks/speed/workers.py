"""`python -m benchmarks.speed.workers`: the same soup on one process and on workers, and how much faster collecting is.

A pool of small vision transformers, whose forward pass is what costs, is run in this process and on 1, 2 and 4 workers,
each with one thread; or pools of `benchmarks.zoos`. The soups are compared byte by byte. The time of collecting is that
of all passes of ingredients, without the start of the workers, which has a column of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

import radin
from benchmarks import zoos
from benchmarks.speed.processes import machine
from benchmarks.speed.verification import CLASSES, Network, pool_of


def run_once(pool: radin.Pool, task: radin.Task, folder: Path, workers: int | None) -> dict[str, Any]:
    """One run of `radin.make_soup`, timed."""
    clock = Clock()
    result = radin.make_soup(
        pool,
        task,
        budget=radin.Budget(soups=2, candidates=50),
        run_dir=folder,
        race=False,
        workers=workers,
        progress=clock,
    )
    first = clock.begun if clock.first is None else clock.first
    soup = hashlib.sha256((folder / "soup.safetensors").read_bytes()).hexdigest()
    return {
        "workers": workers,
        "seconds_start": first - clock.begun,
        "seconds_collecting": clock.collected - first,
        "soup": soup,
        "winner": str(result.best.recipe),
        "score": result.best.score,
    }


class Clock:
    """Progress that remembers when the passes of ingredients began, and when they were over."""

    def __init__(self) -> None:
        self.begun = self.collected = time.perf_counter()
        self.first: float | None = None

    def stage(self, name: str, total: int | None, unit: str) -> Stage:
        """A stage; that of the ingredients is the one that counts."""
        return Stage(self if name.startswith("ingredients") else None)


class Stage:
    """One stage of a `Clock`."""

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock

    def __enter__(self) -> Any:
        if self._clock is not None and self._clock.first is None:
            self._clock.first = time.perf_counter()
        return lambda done: None

    def __exit__(self, *error: object) -> None:
        if self._clock is not None:
            self._clock.collected = time.perf_counter()


def measure(name: str, counts: Sequence[int | None], samples: int, members: int | None = None) -> list[dict[str, Any]]:
    """One row a number of workers; None is this process alone.

    Arguments:
        name: of a pool of `benchmarks.zoos`, or `vision`, which is made for this.
        counts: numbers of workers.
        samples: images of `vision`; of another pool at most as many.
        members: ingredients of another pool; all by default.
    """
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if name == "vision":
            generator = torch.Generator().manual_seed(1)
            images = torch.randn(samples, 3, 112, 112, generator=generator)
            labels = torch.randint(CLASSES, (samples,), generator=generator)
            pool, task = pool_of(folder), radin.Task(Network, (images, labels), batch_size=32, device="cpu")
        else:
            zoo = zoos.get(name)
            paths = zoo.build() if members is None else zoo.build(n=members)
            pool, task = radin.Pool(paths), replace(zoo.task(), device="cpu", limit=samples)
        return [run_once(pool, task, folder / str(count), count) for count in counts]


def show(name: str, rows: Sequence[dict[str, Any]]) -> bool:
    """Prints the rows of one pool; says, and returns, whether all have one answer."""
    same = len({(row["soup"], row["winner"], row["score"]) for row in rows}) == 1
    alone = next((row["seconds_collecting"] for row in rows if row["workers"] == 1), rows[0]["seconds_collecting"])
    print(f"{name:>14}  {'workers':>7}  {'start':>7}  {'collecting':>10}  against 1 worker")
    for row in rows:
        count = "none" if row["workers"] is None else row["workers"]
        speed = alone / row["seconds_collecting"]
        print(f"{'':>14}  {count:>7}  {row['seconds_start']:6.1f}s  {row['seconds_collecting']:9.1f}s  {speed:5.2f}x")
    print(f"the same winner, score and soup.safetensors: {'yes' if same else 'NO'}", flush=True)
    return same


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures, prints a table a pool, and appends a JSON line each; 1 if soups differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2, 4], help="numbers of workers (1 2 4)")
    parser.add_argument("--zoo", nargs="+", default=["vision"], help="pools of benchmarks.zoos, or vision (vision)")
    parser.add_argument("--members", type=int, help="ingredients of each pool of benchmarks.zoos (all)")
    parser.add_argument("--samples", type=int, default=2_000, help="images (2000)")
    parser.add_argument("--json", type=Path, help="append the rows to this file")
    given = parser.parse_args(arguments)
    same = True
    for name in given.zoo:
        rows = measure(name, [None, *given.workers], given.samples, given.members)
        same &= show(name, rows)
        if given.json:
            with given.json.open("a") as file:
                about = {"bench": "workers", "pool": name, "rows": rows, "machine": machine()}
                file.write(json.dumps(about) + "\n")
    return int(not same)


if __name__ == "__main__":
    raise SystemExit(main())
