"""The moments of a process: lines of radin's code that it reaches, and calls that change the disk.

A survey of an undisturbed run counts them. A kill is then placed just before one of them, drawn evenly, which finds
windows of a microsecond that no clock would hit.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

#: Audit events of Python's that change what is on the disk, or are about to.
DISK = frozenset({"os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.truncate", "os.link", "sqlite3.connect"})

#: A module that names one of these keeps something on the disk: its lines are where a kill can do harm.
KEEPS = ("written_aside", "write_json", "sqlite3", "ledger")


class _Watch:
    """Counts the events of this process, and sends it a signal before one of them."""

    def __init__(self, root: str, stop: dict[str, Any] | None, survey: Path | None) -> None:
        self.root = root
        self.survey = survey
        self.counts: Counter[str] = Counter()
        self.before = None if stop is None else stop["before"]
        self.nth = 0 if stop is None else stop["nth"]
        self.signal = None if stop is None else getattr(signal, stop["signal"])

    def see(self, event: str, path: str = "") -> None:
        if self.survey is not None:
            self.counts[event] += 1
        elif event == self.before or (path and self.before and fnmatchcase(f"{event} {path}", self.before)):
            self.nth -= 1
            if self.nth == 0 and self.signal is not None:
                os.kill(os.getpid(), self.signal)

    def call(self, frame: FrameType, kind: str, value: object) -> Any:
        return self.line if frame.f_code.co_filename.startswith(self.root) else None

    def line(self, frame: FrameType, kind: str, value: object) -> Any:
        if kind == "line":
            self.see(f"{frame.f_code.co_filename[len(self.root) :]}:{frame.f_lineno}")
        return self.line

    def audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in DISK:
            self.see(event, str(arguments[event in ("os.rename", "os.link")]))  # the new name
        elif event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            self.see("open for writing", str(arguments[0]))


_watch: list[_Watch] = []


def arm(stop: dict[str, Any] | None, survey: Path | None) -> None:
    """Begins to watch this process, if there is an event to stop at or a survey to make."""
    if survey is None and (stop is None or stop["before"] is None):
        return
    watch = _Watch(f"{_root()}{os.sep}", stop, survey)
    _watch.append(watch)
    sys.addaudithook(watch.audit)
    if survey is None and stop is not None and ":" not in stop["before"]:
        return  # no line is waited for, and watching lines takes time
    threading.settrace(watch.call)
    sys.settrace(watch.call)


def disarm() -> None:
    """Ends the watch and writes down what a survey has counted."""
    sys.settrace(None)
    for watch in _watch:
        if watch.survey is not None:
            counts, path, watch.survey, watch.before = dict(watch.counts), watch.survey, None, None
            path.write_text(json.dumps(counts))


def within_radin(trace: TracebackType | None) -> bool:
    """Whether an exception was raised within a call of radin's command, and went through it."""
    depth = 0
    while trace is not None:
        inside = trace.tb_frame.f_code.co_filename.startswith(str(_root())) and trace.tb_frame.f_code.co_name == "main"
        depth += inside
        trace = trace.tb_next
    return depth > 0


class Survey:
    """The events of an undisturbed run.

    Arguments:
        path: the file that the survey was written to.
    """

    def __init__(self, path: Path) -> None:
        counts: dict[str, int] = json.loads(path.read_text())
        keeping = {str(file.relative_to(_root())) for file in _root().rglob("*.py") if _keeps(file)}
        self.counts = counts
        self.lines = sorted(event for event in counts if ":" in event)
        self.keeping = [event for event in self.lines if event.partition(":")[0] in keeping]
        self.disk = sorted(event for event in counts if ":" not in event)

    def draw(self, rng: random.Random) -> tuple[str, int]:
        """An event and one of its occurrences: often the first or the last, where things begin or end."""
        event = rng.choice(rng.choices([self.keeping, self.lines, self.disk], [5, 2, 3])[0])
        times = self.counts[event]
        return event, rng.choice([1, times, rng.randint(1, times)])


def _keeps(file: Path) -> bool:
    text = file.read_text()
    return any(word in text for word in KEEPS)


def _root() -> Path:
    import radin

    return Path(radin.__file__).parent
