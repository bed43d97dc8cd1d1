"""Locations of errors in the code of a searcher or a task."""

from __future__ import annotations

import linecache
import traceback
from types import FrameType, GeneratorType

#: Packages whose frames are skipped, since the mistake is not there, and the machinery of imports. Under test jaxtyping
#: wraps radin's functions.
PASSED_THROUGH = frozenset(
    {"radin", "torch", "jaxtyping", "importlib", "_frozen_importlib", "_frozen_importlib_external"}
)


def place_of_error(error: BaseException) -> str:
    """File and line, in brackets, of the code that radin called when an error was raised; empty if it called none.

    Libraries that this code calls in turn are skipped: the line is the last one of the called file itself.
    """
    calls = [(frame.f_code.co_filename, line) for frame, line in traceback.walk_tb(error.__traceback__) if _own(frame)]
    lines = [line for file, line in calls if file == calls[0][0]]
    return _shown(calls[0][0], lines[-1]) if calls else ""


def place_of_yield(waiting: object) -> str:
    """File and line, in brackets, of the `yield` at which a generator waits; empty if it is radin's own."""
    frame = None
    while isinstance(waiting, GeneratorType):
        frame, waiting = waiting.gi_frame, waiting.gi_yieldfrom
    return _shown(frame.f_code.co_filename, frame.f_lineno) if frame is not None and _own(frame) else ""


def is_raised_in_radin(error: BaseException) -> bool:
    """Whether an error comes from a line of radin's own, and of no code that it called."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return bool(frames) and _package(frames[-1]) == "radin"


def _own(frame: FrameType) -> bool:
    return _package(frame) not in PASSED_THROUGH


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__")).partition(".")[0]


def _shown(file: str, line: int) -> str:
    return f" ({file}, line {line}: {linecache.getline(file, line).strip()})"
