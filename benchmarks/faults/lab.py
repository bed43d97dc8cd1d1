"""Pools, commands and undisturbed runs: what every disturbed run is compared with."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import nn

from benchmarks.faults import tiny_task
from benchmarks.faults.events import Survey
from benchmarks.faults.nursery import Ended, Nursery, Stop, name_of

#: The commands that are disturbed, by name: options of `radin soup`, and the budget B that they set.
COMMANDS = {
    "plain": (("--soups", "3"), 3),
    "in order": (("--soups", "4", "--no-calibrate", "--searcher", "monte-carlo", "--candidates", "80"), 4),
    "weighted": (("--soups", "2", "--searcher", "mixing", "-p", "steps=40", "--metric", "nll"), 2),
    "batchnorm": (("--soups", "3", "--task-arg", "batchnorm=true", "--task-arg", "tests=true"), 3),
    "racing": (("--soups", "3", "--race"), 3),
    "kept": (("--soups", "2", "--task-arg", "batchnorm=true", "--batchnorm", "keep"), 2),
}


def train(network: nn.Module, seed: int, steps: int, rate: float) -> None:
    """A few steps of gradient descent on samples of this seed's own."""
    inputs, labels = tiny_task.clouds(100, seed)
    optimiser = torch.optim.SGD(network.parameters(), lr=rate)
    network.train()
    for _ in range(steps):
        optimiser.zero_grad()
        nn.functional.cross_entropy(network(inputs), labels).backward()
        optimiser.step()
    network.eval()


def make_pool(folder: Path, n: int, batchnorm: bool) -> None:
    """Fine-tunes one network `n` times and writes the checkpoints."""
    folder.mkdir(parents=True)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        start = tiny_task.build_network(batchnorm)
        train(start, seed=50, steps=80, rate=0.2)
        for i in range(n):
            network = tiny_task.build_network(batchnorm)
            network.load_state_dict(start.state_dict())
            train(network, seed=60 + i, steps=25, rate=0.1 * (1 + i % 3))
            save_file(network.state_dict(), folder / f"tuned{i}.safetensors")


@dataclass(frozen=True)
class Taken:
    """Results of a run that finished.

    Attributes:
        said: what it printed, without times and without what interruptions cost.
        files: fingerprint of every file in the run folder but the ledger, by relative path.
        done: completed evaluations of the ledger: kind, key and number of rows.
        lost: how many evaluations the ledger shows as lost.
        running: how many it shows as still running.
        batches: how many batches each network was run on, by the fingerprint that the task has taken.
    """

    said: Any
    files: dict[str, str]
    done: list[tuple[str, str, int]]
    lost: int
    running: int
    batches: Counter[str]


class Lab:
    """A folder with two pools, in which runs are started, disturbed and compared.

    Arguments:
        folder: an empty folder.
        nursery: starts the processes.
    """

    def __init__(self, folder: Path, nursery: Nursery) -> None:
        self.folder, self.nursery = folder, nursery
        self.run_dir = folder / "run"
        self.witness = folder / "witness"
        # A copy, so that nobody who works on these benchmarks meanwhile makes the task's code another one.
        self._task_file = shutil.copy(tiny_task.__file__, folder)
        make_pool(folder / "pool", 6, batchnorm=False)
        make_pool(folder / "pool with batchnorm", 5, batchnorm=True)
        self._undisturbed: dict[str, Undisturbed] = {}

    def fresh(self) -> None:
        """Removes the run folder and what the task has witnessed."""
        shutil.rmtree(self.run_dir, ignore_errors=True)
        self.witness.write_bytes(b"")

    def soup(self, name: str, run_dir: Path | None = None, stop: Stop | None = None, **more: Any) -> Ended:
        """Runs one of the `COMMANDS`; see `Nursery.run` for the keywords."""
        return self.nursery.radin(
            *self.arguments(name, run_dir), stop=stop, environment={tiny_task.WITNESS: str(self.witness)}, **more
        )

    def arguments(
        self, name: str, run_dir: Path | None = None, files: Sequence[Path] = (), options: Sequence[str] = ()
    ) -> list[str]:
        """The arguments of one of the `COMMANDS`, on its pool or on other files, with more options."""
        usual, _ = COMMANDS[name]
        task = f"{self._task_file}:task"
        more = [*usual, *options, "--run-dir", str(run_dir or self.run_dir), "--json"]
        return ["soup", *map(str, files or [self.pool_of(name)]), "--task", task, *more]

    def pool_of(self, name: str) -> Path:
        """The folder of the pool of one of the `COMMANDS`."""
        return self.folder / ("pool with batchnorm" if "batchnorm=true" in COMMANDS[name][0] else "pool")

    def undisturbed(self, name: str) -> Undisturbed:
        """The undisturbed run of one of the `COMMANDS`, made when it is first asked for."""
        if name not in self._undisturbed:
            self._undisturbed[name] = Undisturbed(self, name)
        return self._undisturbed[name]

    def taken(self, ended: Ended, run_dir: Path) -> Taken:
        """Results that a run has left."""
        done, others = _evaluations(run_dir / "ledger.db")
        marks = self.witness.read_text().split() if self.witness.exists() else []
        return Taken(
            said=without_costs(json.loads(ended.output)),
            files=dict(_fingerprints(run_dir)),
            done=done,
            lost=others.count("lost"),
            running=others.count("running"),
            batches=Counter(marks),
        )


class Undisturbed:
    """A run that nothing happened to.

    Attributes:
        folder: its run folder.
        budget: the B that it was given.
        taken: what it has left.
        seconds: how long it took.
    """

    def __init__(self, lab: Lab, name: str) -> None:
        self._lab, self._name = lab, name
        self.folder = lab.folder / "undisturbed" / name
        self.budget = COMMANDS[name][1]
        lab.fresh()
        ended = lab.soup(name, self.folder)
        if ended.status != 0:
            raise RuntimeError(f"the undisturbed run {name!r}: {name_of(ended.status)}: {ended.errors}")
        self.taken = lab.taken(ended, self.folder)
        self.seconds = ended.seconds

    @cached_property
    def survey(self) -> Survey:
        """The moments that this run goes through."""
        path = self._lab.folder / "survey.json"
        place = self._lab.folder / "surveyed"
        shutil.rmtree(place, ignore_errors=True)
        self._lab.soup(self._name, place, survey=path)
        return Survey(path)


def without_costs(document: Any) -> Any:
    """A JSON document without times, without what was lost to interruptions, and without the command, a part of which
    is the run folder.
    """
    if isinstance(document, dict):
        own = ("lost", "command")
        kept = {key: value for key, value in document.items() if key not in own and not key.startswith("seconds")}
        return {key: without_costs(value) for key, value in kept.items()}
    return [without_costs(one) for one in document] if isinstance(document, list) else document


def _fingerprints(run_dir: Path) -> Iterable[tuple[str, str]]:
    for file in sorted(run_dir.rglob("*")):
        if not file.is_file() or file.name.startswith("ledger.db") or file.name == "report.html":
            continue  # the page shows the command; all else in it is of the leaderboard
        content = file.read_bytes()
        if file.suffix == ".json":  # without times; entries in any order
            with suppress(ValueError):
                content = json.dumps(without_costs(json.loads(content)), sort_keys=True).encode()
        yield str(file.relative_to(run_dir)), hashlib.sha256(content).hexdigest()


def _evaluations(ledger: Path) -> tuple[list[tuple[str, str, int]], list[str]]:
    """The completed evaluations of a ledger, and the states of the others."""
    with closing(sqlite3.connect(f"{ledger.as_uri()}?mode=ro", uri=True)) as database:
        rows = database.execute("SELECT kind, key, rows, state FROM evaluations").fetchall()
    done = sorted((kind, key, n) for kind, key, n, state in rows if state == "done")
    return done, [state for *_, state in rows if state != "done"]
