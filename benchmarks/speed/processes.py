"""Runs a program in a process of its own, and measures its time and memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

#: Seconds between two looks at a process's memory.
INTERVAL = 0.002


@dataclass(frozen=True)
class Cost:
    """Time, memory and output of one process.

    Attributes:
        seconds: from start to end, imports included.
        memory_mb: peak of anonymous resident memory (`RssAnon`): what is private to the process, without the page cache
            that maps of files show.
        output: what it printed.
        error: the last line of its standard error, if it failed.
    """

    seconds: float
    memory_mb: float
    output: str
    error: str | None


def environment() -> dict[str, str]:
    """The environment of this process, without the variable that keeps Python from storing the bytecode of modules.

    Not every installer stores bytecode; then the first run does, which is never timed.
    """
    return {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}


def run(command: Sequence[str]) -> Cost:
    """Runs a command to its end."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment())
    peak = 0
    while process.poll() is None:
        peak = max(peak, _private_kb(process.pid))
        time.sleep(INTERVAL)
    seconds = time.perf_counter() - start
    output, complaint = process.communicate()
    error = None if process.returncode == 0 else (complaint.strip().splitlines() or ["no message"])[-1]
    return Cost(seconds, peak / 1024, output, error)


def interpreter_mb() -> float:
    """Private memory of a Python that does nothing."""
    return run([sys.executable, "-c", "import time; time.sleep(0.1)"]).memory_mb


def _private_kb(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:  # it has just ended
        return 0
    line = next((line for line in status.splitlines() if line.startswith("RssAnon")), "RssAnon: 0 kB")
    return int(line.split()[1])


def machine() -> str:
    """Cores and load, to read a table by."""
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
