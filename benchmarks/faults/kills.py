"""Runs of `radin soup` that signals end at random moments, and that the same command then brings to their end."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator

from benchmarks.faults.lab import COMMANDS, Lab, Taken, Undisturbed
from benchmarks.faults.nursery import Ended, Stop, name_of
from benchmarks.faults.rows import Trial

FAMILY = "kills"

#: Signals and how often each is drawn.
SIGNALS = {"SIGKILL": 6, "SIGTERM": 2, "SIGINT": 2}

#: Batches that a folder which is taken up again may cost: an ingredient's first batches are compared with its logits,
#: and the way of filling a network is proved anew where the proof was interrupted. Chosen by hand.
BATCHES_AGAIN = 6


def trials(lab: Lab, seed: int, numbers: range) -> Iterator[Trial]:
    """One trial a number: one to three kills of one command, then the run that is let finish."""
    for number in numbers:
        rng = random.Random(f"{FAMILY} {seed} {number}")
        name = rng.choice(list(COMMANDS))
        calm = lab.undisturbed(name)
        stops = [draw_stop(rng, calm) for _ in range(rng.choice([1, 1, 2, 3]))]
        start = time.monotonic()
        lab.fresh()
        ended = [lab.soup(name, stop=stop) for stop in stops]
        last = lab.soup(name)
        faults = [fault for stop, one in zip(stops, ended, strict=True) for fault in faults_of_end(stop, one)]
        kills = sum(one.was_killed for one in ended)
        faults += faults_of_run(lab, last, calm, kills, restarts=len(ended))
        outcome = "same result" if not faults else "another result" if last.status == 0 else "not resumed"
        what = ", ".join(map(str, stops))
        yield Trial(FAMILY, name, number, what, outcome, tuple(faults), time.monotonic() - start)


def draw_stop(rng: random.Random, calm: Undisturbed) -> Stop:
    """A signal at a random time, or just before a random line or call that changes the disk."""
    signal = rng.choices(list(SIGNALS), list(SIGNALS.values()))[0]
    if rng.random() < 0.4:
        return Stop(signal, after=rng.random() * calm.seconds)
    event, nth = calm.survey.draw(rng)
    return Stop(signal, before=event, nth=nth)


def faults_of_end(stop: Stop, ended: Ended) -> list[str]:
    """Faults of the end of a run to which a signal was sent."""
    faults = []
    if "Traceback" in ended.errors:
        faults.append(f"{stop.signal}: a traceback: {ended.errors.strip().splitlines()[-1]}")
    expected = {"SIGKILL": (0, -9), "SIGTERM": (0, -15), "SIGINT": (0, 130)}[stop.signal]
    if ended.status not in expected:
        faults.append(f"{stop.signal}: {name_of(ended.status)}")
    return faults


def faults_of_run(lab: Lab, last: Ended, calm: Undisturbed, kills: int, restarts: int) -> list[str]:
    """Faults of a run that finished after some kills."""
    if last.status != 0:
        said = last.errors.strip().splitlines()
        return [f"the same command did not go on: {name_of(last.status)}: {said[-1] if said else 'without a word'}"]
    now, before = lab.taken(last, lab.run_dir), calm.taken
    faults = []
    if now.said != before.said:
        faults.append(f"the result differs in {', '.join(_differing(now.said, before.said))}")
    faults += faults_of_files(now, before)
    if now.done != before.done:
        faults.append(f"the ledger's completed evaluations differ ({len(now.done)}, undisturbed {len(before.done)})")
    if sum(kind == "soup" for kind, *_ in now.done) > calm.budget:
        faults.append("more real soups than the budget")
    if now.running:
        faults.append("an evaluation is left as running")
    if now.lost > 2 * kills:  # a soup and the pass for its BatchNorm statistics
        faults.append(f"{now.lost} evaluations are shown as lost after {kills} kills")
    return faults + faults_of_batches(now, before, kills, restarts)


def faults_of_files(now: Taken, before: Taken) -> list[str]:
    """Differences between two run folders."""
    missing = before.files.keys() - now.files.keys()
    more = now.files.keys() - before.files.keys()
    others = {name for name in before.files.keys() & now.files.keys() if before.files[name] != now.files[name]}
    kinds = {"missing": missing, "left behind": more, "other contents": others}
    return [f"{what}: {_kind(name)}" for what, names in kinds.items() for name in sorted(names)]


def faults_of_batches(now: Taken, before: Taken, kills: int, restarts: int) -> list[str]:
    """Faults of what the task has seen: other networks, or the same ones too often."""
    faults = []
    if foreign := now.batches.keys() - before.batches.keys():
        faults.append(f"{len(foreign)} networks were run that the undisturbed run never runs")
    if before.batches.keys() - now.batches.keys():
        faults.append("a network was never run that the undisturbed run runs")
    largest = max(before.batches.values())
    again = now.batches.total() - before.batches.total()
    if again > kills * largest + restarts * BATCHES_AGAIN:
        faults.append(f"{again} batches were run again after {kills} kills, of at most {largest} an evaluation")
    return faults


def _differing(now: object, before: object) -> list[str]:
    if isinstance(now, dict) and isinstance(before, dict):
        return sorted(name for name in now.keys() | before.keys() if now.get(name) != before.get(name))
    return ["everything"]


def _kind(name: str) -> str:
    """A file's name without the number of the process that left it."""
    return "a part file" if name.endswith(".part") else name
