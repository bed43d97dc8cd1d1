"""`python -m benchmarks.faults`: injects faults into real processes and files, and sees whether radin keeps its word.

  kills          a run of `radin soup` is killed at random moments and just before random lines of code, then resumed
  averages       a run of `radin average` is killed; under its name there must be a whole soup or none
  damage         one file of a run folder is damaged, and the same command is given again
  checkpoints    sound, odd, damaged and hostile checkpoints are read and averaged
  workers        workers of a local Ray are killed while they run parts of passes; nodes, devices and the driver fail
  circumstances  a run with other threads, batches, hash seeds, places, formats: what is the same bit for bit

Each trial is one line in the file of rows, written at once. A table and the distinct failures come last. The exit
status is 1 if anything failed. A trial is the same for one seed and number: the failures say how to repeat each.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from benchmarks.faults import averages, checkpoints, circumstances, damage, kills, workers
from benchmarks.faults.averages import Kitchen
from benchmarks.faults.kinds import KINDS
from benchmarks.faults.lab import Lab
from benchmarks.faults.nursery import Nursery
from benchmarks.faults.rows import Log, Trial, failures, table

#: Trials of each family where nothing else is asked for, and what `--quick` sets instead.
USUAL = {"kills": 200, "averages": 20, "damage": 200, "mangled": 10_000, "circumstances": 40, "workers": 56}
QUICK = {"kills": 4, "averages": 2, "damage": 6, "mangled": 200, "circumstances": 8, "workers": 2}

#: The families of trials, with the option that says how many.
FAMILIES = {
    kills.FAMILY: "kills",
    averages.FAMILY: "averages",
    damage.FAMILY: "damage",
    checkpoints.FAMILY: "mangled",
    circumstances.FAMILY: "circumstances",
    workers.FAMILY: "workers",
}


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(
        prog="python -m benchmarks.faults", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    say = made.add_argument
    say("--kills", type=int, metavar="N", help="runs of radin soup that are killed (200)")
    say("--mangled", type=int, metavar="N", help="checkpoints that are read (10000)")
    say("--damage", type=int, metavar="N", help="run folders that are damaged (200)")
    say("--averages", type=int, metavar="N", help="runs of radin average that are killed (20)")
    say("--circumstances", type=int, metavar="N", help="runs under other circumstances (40)")
    say("--workers", type=int, metavar="N", help="runs on a local Ray, the first 50 of killed workers (56)")
    say("--seed", type=int, default=0, metavar="S", help="another seed is another sample (0)")
    say("--quick", action="store_true", help="a few trials of each family, in a minute or two")
    say("--only", choices=list(FAMILIES), help="trials of one family alone")
    say("--kind", choices=list(KINDS), help="checkpoints of one kind alone")
    say("--first", type=int, default=0, metavar="I", help="number of the first trial (0)")
    say("--count", type=int, metavar="N", help="how many trials of each family, whatever the options above say")
    say("--json", type=Path, default=Path("results/faults.jsonl"), help="append one line per trial (%(default)s)")
    return made


def main(arguments: Sequence[str] | None = None) -> int:
    """Carries out the trials, and shows what came of them; 1 if a promise was broken."""
    given = parser().parse_args(arguments)
    log, start = Log(given.json, given.seed), time.monotonic()
    with tempfile.TemporaryDirectory(prefix="radin-faults-") as folder, Nursery() as nursery:
        for name, run in families(Path(folder), nursery, given).items():
            count = given.count if given.count is not None else getattr(given, FAMILIES[name])
            if count is None:
                count = (QUICK if given.quick else USUAL)[FAMILIES[name]]
            if count == 0 or given.only not in (None, name):
                continue
            for number, _ in enumerate(log.take(run(numbers=range(given.first, given.first + count))), 1):
                if sys.stderr.isatty():
                    print(f"\r{name}: {number} of {count}", end="", file=sys.stderr, flush=True)
    print(table(log.trials))
    if log.failed:
        print(failures(log.trials, given.seed))
    held = "FAILED" if log.failed else "all held"
    seconds = time.monotonic() - start
    print(f"{len(log.trials)} trials in {seconds:.0f} s, {len(log.failed)} failed: {held}; rows in {given.json}")
    return int(bool(log.failed))


def families(folder: Path, nursery: Nursery, given: argparse.Namespace) -> dict[str, Callable[..., Iterator[Trial]]]:
    """Functions that carry out the trials of each family; their pools are made when the first trial begins."""
    labs: list[Lab] = []

    def in_lab(trials: Callable[[Lab, int, range], Iterator[Trial]], numbers: range) -> Iterator[Trial]:
        if not labs:
            (folder / "lab").mkdir()
            labs.append(Lab(folder / "lab", nursery))
        yield from trials(labs[0], given.seed, numbers)

    def in_kitchen(numbers: range) -> Iterator[Trial]:
        yield from averages.trials(Kitchen(folder / "kitchen", nursery), given.seed, numbers)

    def on_files(numbers: range) -> Iterator[Trial]:
        yield from checkpoints.trials(folder / "files", nursery, given.seed, numbers, given.kind)

    return {
        kills.FAMILY: partial(in_lab, kills.trials),
        averages.FAMILY: in_kitchen,
        damage.FAMILY: partial(in_lab, damage.trials),
        checkpoints.FAMILY: on_files,
        circumstances.FAMILY: partial(in_lab, circumstances.trials),
        workers.FAMILY: lambda numbers: workers.trials(folder / "workers", given.seed, numbers),
    }


if __name__ == "__main__":
    sys.exit(main())
