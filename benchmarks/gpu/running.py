"""Runs checks, each in a process of its own with a time limit, and keeps what they say in one JSON file."""

from __future__ import annotations

import json
import os
import platform
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path
from typing import Any

import torch

from benchmarks.gpu.check import Check, Outcome, Setting, outcome_of

ROOT = Path(__file__).parents[2]

#: Makes one check, with its time limit in seconds.
Maker = Callable[[Check, Setting, float], Outcome]


def in_this_process(check: Check, setting: Setting, limit: float) -> Outcome:
    """Makes a check here, without a limit."""
    return outcome_of(check, setting)


def in_its_own(check: Check, setting: Setting, limit: float) -> Outcome:
    """Makes a check in a new process, which is killed with all that it started when its time is up."""
    told = setting.folder / f"{check.name}.json"
    told.unlink(missing_ok=True)
    command = [sys.executable, "-m", "benchmarks.gpu", "--device", setting.device, "--folder", str(setting.folder)]
    command += ["--here", "--only", check.name, "--json", str(told), *(["--quick"] if setting.quick else [])]
    begun = time.perf_counter()
    with (setting.folder / f"{check.name}.log").open("w+") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=os.environ | check.environment, stdout=log, stderr=log, start_new_session=True
        )
        try:
            status = process.wait(limit)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            status = None
        log.seek(0)
        said = log.read()[-3000:]
    taken = time.perf_counter() - begun
    if status is None:
        return Outcome(check.name, check.about, "too slow", taken, said=f"ended after {limit:.0f} s\n{said}")
    if not told.exists():
        return Outcome(check.name, check.about, "failed", taken, said=f"the process ended with {status}\n{said}")
    (row,) = json.loads(told.read_text())["checks"]
    return Outcome(**(row | {"seconds": taken}))


def outcomes(checks: Sequence[Check], setting: Setting, make: Maker, seconds: float, side: int) -> Iterator[Outcome]:
    """Makes checks within so many seconds; those that there is no time for are skipped.

    Arguments:
        checks: are made in order where they are made one by one; beside others the longest come first, and those that
            have to be alone last.
        setting: of all.
        make: makes one.
        seconds: for all together.
        side: checks that are made side by side, where they need not be alone.
    """
    begun = time.perf_counter()

    def made(check: Check) -> Outcome:
        left = seconds - (time.perf_counter() - begun)
        if left < 1:
            return Outcome(check.name, check.about, "skipped", 0.0, said="no time was left")
        return make(check, setting, min(float(check.seconds), left))

    together = [] if side == 1 else sorted((one for one in checks if not one.alone), key=lambda one: -one.seconds)
    with ThreadPoolExecutor(side) as threads:
        for done in as_completed([threads.submit(made, check) for check in together]):
            yield done.result()
    for check in checks:
        if check not in together:
            yield made(check)


def document(found: Sequence[Outcome], setting: Setting) -> dict[str, Any]:
    """Everything that was found, as JSON holds it."""
    return {
        "device": setting.device,
        "quick": setting.quick,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "cores": os.cpu_count(),
        "checks": [one.row() for one in found],
    }


def write(path: Path, found: Sequence[Outcome], setting: Setting) -> None:
    """Writes the document, again after each check, so that nothing is lost when a later one hangs."""
    path.write_text(json.dumps(document(found, setting), indent=1) + "\n")
