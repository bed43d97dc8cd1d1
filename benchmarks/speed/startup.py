"""`python -m benchmarks.speed.startup`: seconds until imports are done and `--help` is shown, beside numpy's import."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.speed.processes import environment, machine

HELP = "from radin.cli import main; main(['--help'])"
CASES = {
    "python": "pass",
    "import numpy": "import numpy",
    "import radin": "import radin",
    "import radin; radin.Pool, radin.average": "import radin; radin.Pool; radin.average",
    "radin --help": HELP,
}
#: Libraries that none of these may import.
HEAVY = ("torch", "optuna", "deap", "matplotlib", "open_clip")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures each case in fresh processes, alternating, and prints medians in seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--json", type=Path, help="append one line per case to this file")
    given = parser.parse_args(arguments)
    seconds: dict[str, list[float]] = {case: [] for case in CASES}
    for _ in range(given.rounds + 1):
        for case, code in CASES.items():
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment())
            seconds[case].append(time.perf_counter() - begun)
    base = statistics.median(seconds["import numpy"][1:])
    failed = False
    for case, code in CASES.items():
        median = statistics.median(seconds[case][1:])  # the first round warms the file cache, and stores bytecode
        loaded = _heavy(code)
        failed |= bool(loaded)
        print(f"{case:42} {median:.3f} s  {', '.join(loaded) or 'nothing heavy'}")
        row = {"bench": "startup", "case": case, "method": "fresh process", "seconds": median, "ratio": median / base}
        if given.json:
            with given.json.open("a") as file:
                error = f"imports {', '.join(loaded)}" if loaded else None
                file.write(
                    json.dumps(row | {"exact": None, "memory_mb": None, "error": error, "machine": machine()}) + "\n"
                )
    return int(failed)


def _heavy(code: str) -> list[str]:
    """Heavy libraries that a piece of code has imported when it ends."""
    check = f"import atexit, sys; atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules]))\n{code}"
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1].replace("'", '"'))
    return loaded


if __name__ == "__main__":
    raise SystemExit(main())
