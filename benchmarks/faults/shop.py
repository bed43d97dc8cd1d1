"""A small pool and its runs on workers that leave their process ids; as a program, one such run.

`python -m benchmarks.faults.shop FOLDER NAME PIDS` runs the pool of a folder on two workers and prints the outcome.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import torch
from safetensors.torch import save_file

import radin
from benchmarks.faults.tiny_task import SAMPLES, build_network, clouds

#: Ingredients, real soups and workers of each run.
N, B, WORKERS = 4, 2, 2

#: Seconds that each batch takes longer, so that a fault hits one.
PAUSE = 0.05

#: The variable that holds the driver's process id.
DRIVER = "RADIN_FAULTS_DRIVER"

#: Seconds in which two workers have to run batches.
PATIENCE = 300.0

Outcome = tuple[str, float, str]


class Shop:
    """A pool, and the run that nothing disturbs.

    Arguments:
        folder: empty, or one that a shop has filled.

    Attributes:
        pool: the ingredients.
        calm: the outcome in this process.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        os.environ[DRIVER] = str(os.getpid())  # known to workers, which are started later, and no part of the task
        torch.set_num_threads(1)
        torch.manual_seed(3)
        start = build_network(False).state_dict()
        paths = [folder / f"run{i}.safetensors" for i in range(N)]
        for path in paths:
            state = {name: tensor + 0.2 * torch.randn_like(tensor) for name, tensor in start.items()}
            if not path.exists():
                save_file(state, path)
        self.pool = radin.Pool(paths)
        self.calm = outcome(self.run("calm", folder / "pids-calm", None))

    def run(
        self,
        name: str,
        pids: Path,
        workers: int | radin.Workers | None = WORKERS,
        trouble: Callable[[torch.Tensor], None] | None = None,
        pool: radin.Pool | None = None,
    ) -> radin.Result:
        """One run on workers, which leave their process ids.

        Arguments:
            name: of the run folder.
            pids: the folder for process ids.
            workers: as for `radin.make_soup`.
            trouble: called with each batch on workers, and where there are none.
            pool: instead of this one.
        """
        pids.mkdir(exist_ok=True)
        alone, pause = workers is None, 0.0 if workers is None else PAUSE

        def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
            (pids / str(os.getpid())).touch()
            time.sleep(pause)
            if trouble is not None and (alone or os.environ[DRIVER] != str(os.getpid())):
                trouble(x)
            outputs: torch.Tensor = network(x)
            return outputs

        data = clouds(SAMPLES, seed=1)
        task = radin.Task(lambda: build_network(False), data, forward=forward, device="cpu", batch_size=32)
        budget = radin.Budget(soups=B, candidates=30)
        return radin.make_soup(
            pool or self.pool, task, budget=budget, run_dir=self.folder / name, workers=workers, progress=False
        )

    @staticmethod
    def workers(pids: Path, driver: int) -> set[int]:
        """Processes that have run a batch, other than the driver, which runs the first."""
        return {int(file.name) for file in pids.glob("*")} - {driver}

    def wait_for_workers(self, pids: Path, driver: int) -> set[int]:
        """Waits until two workers have run batches; returns those that have."""
        end = time.monotonic() + PATIENCE
        while len(found := self.workers(pids, driver)) < 2 and time.monotonic() < end:
            time.sleep(0.01)
        return found


def outcome(result: radin.Result) -> Outcome:
    """Winner, score, and the fingerprint of the soup."""
    soup = hashlib.sha256((result.run_dir / "soup.safetensors").read_bytes()).hexdigest()
    return str(result.best.recipe), result.best.score, soup


def main(arguments: list[str]) -> None:
    """One run on two workers; prints its outcome and what was lost."""
    folder, name, pids = arguments
    result = Shop(Path(folder)).run(name, Path(pids))
    print(json.dumps({"outcome": outcome(result), "lost": result.spent.lost}))


if __name__ == "__main__":
    main(sys.argv[1:])
