"""`python -m benchmarks.speed.startup`: seconds until imports are done, `--help` and a finished run are shown.

Beside the time on the clock stands the processor's, user and system: on a busy machine that is the steadier figure.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
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

#: Ingredients of the run that is shown.
INGREDIENTS = 16


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures each case in fresh processes, alternating, and prints seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--run", type=Path, help="folder of a finished run to show; by default a small one is made")
    parser.add_argument("--json", type=Path, help="append one line per case to this file")
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        run = given.run or finished_run(Path(folder))
        cases = CASES | {"radin show RUN": f"from radin.cli import main; main(['show', {str(run)!r}])"}
        measured = measure(cases, given.rounds)
        loaded = {case: _heavy(code) for case, code in cases.items()}
    base = statistics.median(wall for wall, _ in measured["import numpy"])
    print(f"{'':42} median   least   least CPU")
    for case, times in measured.items():
        walls, processor = zip(*times, strict=True)
        median, heavy = statistics.median(walls), ", ".join(loaded[case])
        print(f"{case:42} {median:.3f}    {min(walls):.3f}   {min(processor):.3f}   {heavy or 'nothing heavy'}")
        row = {"bench": "startup", "case": case, "method": "fresh process", "seconds": median, "ratio": median / base}
        row |= {"least": min(walls), "cpu": min(processor), "exact": None, "memory_mb": None}
        if given.json:
            with given.json.open("a") as file:
                error = f"imports {heavy}" if heavy else None
                file.write(json.dumps(row | {"error": error, "machine": machine()}) + "\n")
    return int(any(loaded.values()))


def finished_run(folder: Path) -> Path:
    """The folder of a finished run on digits; its networks are not trained, since it is the reading that is timed."""
    import torch
    from safetensors.torch import save_file

    import radin
    from radin.demo.digits import network, task

    generator, start = torch.Generator().manual_seed(0), network().state_dict()
    paths = [folder / f"run-{i:02d}.safetensors" for i in range(INGREDIENTS)]
    for path in paths:
        near = {name: one + 0.01 * torch.randn(one.shape, generator=generator) for name, one in start.items()}
        save_file(near, path)
    radin.make_soup(radin.Pool(paths), task(), run_dir=folder / "run", progress=False)
    return folder / "run"


def measure(cases: Mapping[str, str], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Seconds on the clock, and of the processor, of each case in each round."""
    times: dict[str, list[tuple[float, float]]] = {case: [] for case in cases}
    for warm in range(rounds + 1):  # the first round warms the file cache, and stores bytecode
        for case, code in cases.items():
            begun, used = time.perf_counter(), _processor()
            subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, env=environment())
            if warm:
                times[case].append((time.perf_counter() - begun, _processor() - used))
    return times


def _processor() -> float:
    """Seconds of the processor, user and system, that child processes have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _heavy(code: str) -> list[str]:
    """Heavy libraries that a piece of code has imported when it ends."""
    check = f"import atexit, sys; atexit.register(lambda: print([m for m in {HEAVY} if m in sys.modules]))\n{code}"
    done = subprocess.run([sys.executable, "-c", check], check=True, capture_output=True, text=True)
    loaded: list[str] = json.loads(done.stdout.splitlines()[-1].replace("'", '"'))
    return loaded


if __name__ == "__main__":
    raise SystemExit(main())
