"""Runs of `radin soup` in processes of their own, which tests kill."""

import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path

from helpers.paths import SMALL

B = 3


def command(checkpoints: list[Path], run: Path, *, pause: float, searcher: str = "monte-carlo") -> list[str]:
    """The command line of one run; every batch takes `pause` seconds longer."""
    call = "from radin.cli import main; main()"
    options = ["--task", f"{SMALL}:task", "--task-arg", f"pause={pause}", "--searcher", searcher]
    caps = ["--soups", str(B), "--candidates", "25", "--run-dir", str(run), "--batch-size", "60", "--json"]
    return [sys.executable, "-c", call, "soup", *map(str, checkpoints), *options, *caps]


def wait_for(condition, process: subprocess.Popen, seconds: float = 120) -> None:
    """Waits until something has happened in another process, which has to be alive."""
    end = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def start(call: list[str]) -> subprocess.Popen:
    # Whoever runs the tests in the background may have them ignore SIGINT, which a child would inherit.
    listen = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    return subprocess.Popen(call, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=listen)
