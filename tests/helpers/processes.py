"""Runs of `radin soup` on the small pool, for tests that run them in processes of their own."""

import runpy
import sys
from pathlib import Path

from benchmarks.faults.nursery import Stop
from helpers.paths import SMALL

B = 3


def options(checkpoints: list[Path], run: Path, *more: str) -> list[str]:
    """The arguments of one run."""
    caps = ["--soups", str(B), "--candidates", "25", "--run-dir", str(run), "--batch-size", "60", "--json"]
    return ["soup", *map(str, checkpoints), "--task", f"{SMALL}:task", "--searcher", "monte-carlo", *caps, *more]


def while_writing(file: str, signal: str = "SIGKILL") -> Stop:
    """A signal before a file of the run folder has any name, or as it is begun under another; `file` is a pattern."""
    folder, _, name = file.rpartition("/")
    return Stop(signal, before=f"* */{folder}/.{name}.*.part")


def when_written(file: str, signal: str = "SIGKILL") -> Stop:
    """A signal when a file of the run folder is whole, but has not got its name yet; `file` is a pattern."""
    return Stop(signal, before=f"os.rename */{file}")


def radin_with_small_files(most: int, arguments: list[str]) -> None:
    """Runs the command `radin` in this process, which can write no file of more than `most` bytes from now on."""
    import resource
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
    sys.argv = ["radin", *arguments]
    runpy.run_module("radin", run_name="__main__")
