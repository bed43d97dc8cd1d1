"""`python -m benchmarks.speed.large_pools`: the ranking of large pools, of many samples and of many classes.

Synthetic logits are written to files in float16 and mapped, as a run folder's are. Each case runs in a process of its
own: a surrogate is made (every logit is read once), and a search scores recipes until it has scored K, is done, or its
time is up. Memory is what the process has of its own at the peak, above what it had before; maps of files do not count.
That of the recipes of all ingredients by themselves, which collecting holds, has a column of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

import radin
from benchmarks.speed.growth import peak_growth
from benchmarks.speed.processes import environment, machine
from benchmarks.speed.synthetic import Fleet
from radin.common.mapped import MappedArray
from radin.scoring.criterion import criterion_of
from radin.scoring.metrics import get_metric

#: Ingredients, samples and classes of each case.
CASES = [
    (100, 1_000, 10),
    (1_000, 1_000, 10),
    (10_000, 1_000, 10),
    (100, 10_000, 10),
    (100, 100_000, 10),
    (20, 1_000_000, 10),
    (100, 1_000, 100),
    (20, 1_000, 21_000),
]


def stored(fleet: Fleet, folder: Path) -> radin.LogitBank:
    """The logits of a fleet in files, one each, and mapped as those of a run folder are."""
    labels = fleet.bank(folder).labels  # whose own maps are closed with it
    arrays = [MappedArray.load(folder / f"{i:04}.npy") for i in range(fleet.n)]
    return radin.LogitBank.from_arrays(arrays, labels)


def measure(n: int, m: int, c: int, searcher: str, candidates: int, seconds: float, criterion: str) -> dict[str, Any]:
    """One case, in this process."""
    with tempfile.TemporaryDirectory() as scratch:
        begun = time.perf_counter()
        bank = stored(Fleet(n, m, c, disagreement=0.6, dtype="float16"), Path(scratch))
        written = time.perf_counter() - begun
        judge = criterion_of(criterion, get_metric("accuracy"), bank.kind)
        small = radin.Surrogate(Fleet(4, 50, c).bank(), judge, lam=0.0)
        radin.search(searcher, small, radin.Budget(candidates=20))  # loads what is loaded at first use
        made: dict[str, Any] = {}

        def prepare() -> None:
            made["surrogate"] = radin.Surrogate(bank, judge, lam=0.0)
            made["best"] = float(np.max(made["surrogate"].solo))

        def search() -> None:
            budget = radin.Budget(candidates=candidates, seconds=seconds)
            made["found"] = radin.search(searcher, made["surrogate"], budget, top=256)

        def hold() -> None:
            made["recipes"] = [radin.Recipe.subset(bank.names, [i]) for i in range(n)]

        memory_recipes = peak_growth(hold)[1]
        made.clear()
        preparing, memory_preparing = peak_growth(prepare)
        searching, memory_searching = peak_growth(search)
        found = made["found"]
        return {
            "seconds_writing": written,
            "stored_mb": n * m * c * 2 / 1e6,
            "seconds_preparing": preparing,
            "seconds_searching": searching,
            "charged": found.charged,
            "stopped": found.stopped,
            "memory_mb": max(memory_preparing, memory_searching),
            "memory_recipes_mb": memory_recipes,
        }


def apart(*settings: Any) -> dict[str, Any]:
    """One case in a process of its own."""
    code = (
        "import json, sys; from benchmarks.speed.large_pools import measure;"
        "print(json.dumps(measure(*json.loads(sys.argv[1]))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, json.dumps(settings)], capture_output=True, text=True, env=environment()
    )
    if done.returncode:
        return {"error": (done.stderr.strip().splitlines() or [f"ended with status {done.returncode}"])[-1]}
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result | {"error": None}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measures and prints a row for each case, and appends it as a JSON line; 1 if a case failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--case", nargs="+", metavar="N,M,C", help="ingredients, samples and classes (eight cases)")
    parser.add_argument("--searcher", default="forward", help="searcher (forward)")
    parser.add_argument("--candidates", type=int, default=20_000, help="K of each search (20000)")
    parser.add_argument("--seconds", type=float, default=60.0, help="time that a search may take (60)")
    parser.add_argument("--criterion", default="metric", help="by what recipes are ranked (metric)")
    parser.add_argument("--json", type=Path, help="append the rows to this file")
    given = parser.parse_args(arguments)
    cases = CASES if given.case is None else [tuple(map(int, case.split(","))) for case in given.case]
    print(f"{'N':>7} {'M':>9} {'C':>6} {'stored':>9} {'preparing':>10} {'search':>8} {'candidates':>10} {'ms each':>8} "
          f"{'memory':>8} {'recipes':>8}  end")  # fmt: skip
    failed = False
    for n, m, c in cases:
        row = apart(n, m, c, given.searcher, given.candidates, given.seconds, given.criterion)
        failed |= row["error"] is not None
        if row["error"] is None:
            each = 1000 * row["seconds_searching"] / max(row["charged"], 1)
            print(f"{n:7,} {m:9,} {c:6,} {row['stored_mb']:6.0f} MB {row['seconds_preparing']:8.1f} s "
                  f"{row['seconds_searching']:6.1f} s {row['charged']:10,} {each:8.3f} {row['memory_mb']:5.0f} MB "
                  f"{row['memory_recipes_mb']:5.0f} MB  "
                  f"{row['stopped']}", flush=True)  # fmt: skip
        else:
            print(f"{n:7,} {m:9,} {c:6,} failed: {row['error']}", flush=True)
        if given.json:
            about = {"bench": "large pools", "case": [n, m, c], "searcher": given.searcher, "machine": machine()}
            with given.json.open("a") as file:
                file.write(json.dumps(about | row) + "\n")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
