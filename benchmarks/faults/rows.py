"""One trial, one line: written at once, and summed up in a table."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

from benchmarks.speed.processes import machine


@dataclass(frozen=True)
class Trial:
    """One fault that was injected, and what came of it.

    Attributes:
        family: the kind of fault, and
        case: what it was done to; together a line of the table.
        number: of the trial in its family; with the seed it repeats the trial.
        what: the fault itself, in words.
        outcome: what happened, in a word or two, such as `same result`.
        faults: what broke a promise; empty if all held.
        seconds: how long the trial took.
    """

    family: str
    case: str
    number: int
    what: str
    outcome: str
    faults: tuple[str, ...]
    seconds: float


class Log:
    """Trials, each appended to a file of JSON lines at once.

    Arguments:
        path: the file, made with its folder; None keeps none.
        seed: of the trials.
    """

    def __init__(self, path: Path | None, seed: int) -> None:
        self.path, self.seed = path, seed
        self.trials: list[Trial] = []
        self._about = {
            "bench": "faults",
            "seed": seed,
            "radin": version("radin"),
            "python": platform.python_version(),
            "torch": version("torch"),
            "system": platform.platform(),
        }
        if path is not None:
            path.parent.mkdir(parents=True, exist_ok=True)

    def add(self, trial: Trial) -> None:
        """Keeps one trial, and appends it to the file."""
        self.trials.append(trial)
        if self.path is not None:
            with self.path.open("a") as file:
                file.write(json.dumps({**self._about, **asdict(trial), "machine": machine()}) + "\n")

    def take(self, trials: Iterable[Trial]) -> Iterator[Trial]:
        """Keeps trials as they come, and hands them on."""
        for trial in trials:
            self.add(trial)
            yield trial

    @property
    def failed(self) -> list[Trial]:
        """The trials that broke a promise."""
        return [trial for trial in self.trials if trial.faults]


def table(trials: Sequence[Trial]) -> str:
    """Trials by family and case: how many there were, how many failed, and how they ended."""
    lines = [f"{'family':12} {'case':28} {'trials':>6} {'failed':>6}  outcomes"]
    for family, case in dict.fromkeys((trial.family, trial.case) for trial in trials):
        group = [trial for trial in trials if (trial.family, trial.case) == (family, case)]
        ends = Counter(trial.outcome for trial in group).most_common()
        failed = sum(bool(trial.faults) for trial in group)
        outcomes = ", ".join(f"{outcome} {n}" for outcome, n in ends)
        lines.append(f"{family:12} {case:28} {len(group):6} {failed:6}  {outcomes}")
    return "\n".join(lines)


def failures(trials: Sequence[Trial], seed: int) -> str:
    """Each distinct fault with the first trial that showed it, and the command that repeats it."""
    seen: dict[tuple[str, str], list[Trial]] = {}
    for trial in trials:
        for fault in trial.faults:
            seen.setdefault((trial.family, fault), []).append(trial)
    lines = []
    for (family, fault), group in seen.items():
        first = group[0]
        again = f"python -m benchmarks.faults --seed {seed} --only {family} --first {first.number} --count 1"
        lines.append(
            f"FAILED {family}, {first.case}: {fault} [{len(group)} times]\n       first: {first.what}\n       {again}"
        )
    return "\n".join(lines)
