"""Thousands of checkpoints, sound, odd, damaged and hostile, each read in a process that may die of it."""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.faults.examine import BUSY, PATIENCE
from benchmarks.faults.kinds import make
from benchmarks.faults.nursery import Ended, Nursery, name_of
from benchmarks.faults.rows import Trial

FAMILY = "checkpoints"

#: Checkpoints that one process reads.
BATCH = 100


def trials(folder: Path, nursery: Nursery, seed: int, numbers: range, kind: str | None = None) -> Iterator[Trial]:
    """One trial a number: one checkpoint is read, averaged, inspected, and compared with its own library.

    Arguments:
        folder: an empty folder.
        nursery: starts the processes.
        seed: of the checkpoints.
        numbers: which of them.
        kind: one of `kinds.KINDS`; all kinds by default.
    """
    first = numbers.start
    while first < numbers.stop:
        stop = min(first + BATCH, numbers.stop)
        start = time.monotonic()
        arguments = [str(folder), seed, first, stop, kind]
        ended = nursery.call("benchmarks.faults.examine:main", arguments, limit=BATCH * PATIENCE)
        rows = [json.loads(line) for line in ended.output.splitlines()]
        seconds = (time.monotonic() - start) / max(1, len(rows))
        yield from (_trial(row, seconds) for row in rows)
        first += len(rows)
        if first < stop:  # the process ended before it was through
            yield _fatal(ended, seed, first, kind)
            first += 1


def _trial(row: dict[str, Any], seconds: float) -> Trial:
    return Trial(FAMILY, row["kind"], row["number"], row["what"], row["outcome"], tuple(row["faults"]), seconds)


def _fatal(ended: Ended, seed: int, number: int, kind: str | None) -> Trial:
    """The trial that ended the process."""
    drawn, sample = make(seed, number, kind)
    if ended.status in (None, -signal.SIGALRM, -signal.SIGPROF):
        fault = f"HANG: more than {BUSY:g} s of the processor, or {PATIENCE} s in all"
        return Trial(FAMILY, drawn, number, sample.what, "hang", (fault,), PATIENCE)
    last = (ended.errors.strip().splitlines() or ["without a word"])[-1]
    fault = f"CRASH: {name_of(ended.status)}" + (f": {last[:80]}" if (ended.status or 0) >= 0 else "")
    return Trial(FAMILY, drawn, number, sample.what, "crash", (fault,), 0.0)
