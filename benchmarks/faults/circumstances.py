"""One run under other circumstances: which of its results are the same bit for bit, and which only nearly."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file

from benchmarks.faults import tiny_task
from benchmarks.faults.damage import found
from benchmarks.faults.lab import COMMANDS, Lab, Taken
from benchmarks.faults.nursery import Ended, name_of
from benchmarks.faults.rows import Trial

FAMILY = "circumstances"

#: Largest difference between two logits of one network on one sample, relative to the largest logit: what other kernels
#: make of float32 in networks of this depth. Chosen by hand, a hundred roundings.
NEAR = 1e-5


def _again(lab: Lab, name: str) -> Ended:
    return lab.soup(name)


def _twice(lab: Lab, name: str) -> Ended:
    lab.soup(name)
    return lab.soup(name)


def _moved(lab: Lab, name: str) -> Ended:
    files = _copies(lab, name)
    return lab.nursery.radin(*lab.arguments(name, files=files))


def _hash_seed(lab: Lab, name: str) -> Ended:
    """In a new process, since Python reads the seed of its hashes when it starts."""
    start = time.monotonic()
    command = [sys.executable, "-m", "radin", *lab.arguments(name)]
    environment = {**lab.nursery.environment, "PYTHONHASHSEED": "7"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    return Ended(done.returncode, time.monotonic() - start, done.stdout, done.stderr)


def _pickled(lab: Lab, name: str) -> Ended:
    files = []
    for file in _copies(lab, name):
        files.append(file.with_suffix(".pt"))
        network = tiny_task.build_network("batchnorm" in lab.pool_of(name).name)
        network.load_state_dict(load_file(file))
        torch.save(network.state_dict(), files[-1])
    return lab.nursery.radin(*lab.arguments(name, files=files))


def _reversed(lab: Lab, name: str) -> Ended:
    return lab.nursery.radin(*lab.arguments(name, files=_copies(lab, name)[::-1]))


def _batch_size(lab: Lab, name: str) -> Ended:
    return lab.nursery.radin(*lab.arguments(name, options=["--batch-size", "37"]))


def _threads(lab: Lab, name: str) -> Ended:
    return lab.nursery.radin(*lab.arguments(name), environment={tiny_task.THREADS: "2"})


def _copies(lab: Lab, name: str) -> list[Path]:
    folder = lab.folder / "copies"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(lab.pool_of(name), folder)
    return sorted(folder.iterdir())


#: Other circumstances, and what must be the same: `all` that the run leaves; the `numbers` that it finds, the soup's
#: file and all logits; or `near`, logits that agree but for rounding.
CIRCUMSTANCES: dict[str, tuple[str, Callable[[Lab, str], Ended]]] = {
    "in a new folder": ("all", _again),
    "twice in one folder": ("all", _twice),
    "checkpoints elsewhere": ("all", _moved),
    "another hash seed": ("all", _hash_seed),
    "checkpoints as .pt": ("numbers", _pickled),
    "checkpoints in reverse order": ("near", _reversed),
    "another batch size": ("near", _batch_size),
    "two threads": ("near", _threads),
}


def trials(lab: Lab, seed: int, numbers: range) -> Iterator[Trial]:
    """One trial a number: all circumstances of one command, then of the next. The seed makes no difference."""
    for number in numbers:
        circumstance = list(CIRCUMSTANCES)[number % len(CIRCUMSTANCES)]
        name = list(COMMANDS)[number // len(CIRCUMSTANCES) % len(COMMANDS)]
        promised, run = CIRCUMSTANCES[circumstance]
        calm = lab.undisturbed(name)
        start = time.monotonic()
        lab.fresh()
        ended = run(lab, name)
        if ended.status != 0:
            outcome, faults = "error", [f"{name_of(ended.status)}: {ended.errors.strip()[-200:]}"]
        else:
            outcome = _sameness(lab.taken(ended, lab.run_dir), calm.taken, lab.run_dir, calm.folder)
            order = ("all", "numbers", "near", "different")
            held = order.index(outcome) <= order.index(promised)
            faults = [] if held else [f"promised to be the same: {promised}; was the same: {outcome}"]
        yield Trial(FAMILY, circumstance, number, name, f"same {outcome}", tuple(faults), time.monotonic() - start)


def _sameness(now: Taken, before: Taken, run_dir: Path, calm_dir: Path) -> str:
    """Degree of agreement: `all`, `numbers`, `near`, or `different`."""
    if (now.said, now.files, now.done) == (before.said, before.files, before.done):
        return "all"
    soups = [(folder / "soup.safetensors").read_bytes() for folder in (run_dir, calm_dir)]
    pairs = [(np.load(file), np.load(calm_dir / "logits" / file.name)) for file in (run_dir / "logits").glob("t*.npy")]
    same = all(np.array_equal(one, other) for one, other in pairs)
    if same and _numbers(now.said) == _numbers(before.said) and soups[0] == soups[1]:
        return "numbers"
    near = all(np.abs(one - other).max() <= NEAR * np.abs(other).max() for one, other in pairs)
    return "near" if near else "different"


def _numbers(said: Any) -> Any:
    """Results of a run without the fingerprints of its files, which are others in another format."""
    return {name: value for name, value in found(said).items() if name != "about"}
