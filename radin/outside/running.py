"""A command that is under way: whether it is over, the number that it printed, and its end with all its children."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from radin.outside.scorer import ScorerFailure, parsed

#: Bytes at the end of the output that are searched for the last line; and characters of a line that are repeated.
TAIL, LONGEST = 65_536, 300


class RunningCommand:
    """A command that was started without a shell. Its standard output and error go to files.

    Arguments:
        words: the program and its arguments.
        output: where it prints to: files of this name that end in `.out` and `.err`.
        seconds: that it may take; None for no limit.
        environment: its variables; None for those of this process.

    Raises:
        ScorerFailure: it could not be started.
    """

    def __init__(
        self, words: Sequence[str], output: Path, seconds: float | None, environment: Mapping[str, str] | None = None
    ) -> None:
        self._printed, self._complaints = output.with_suffix(".out"), output.with_suffix(".err")
        self._seconds, self._begun = seconds, time.monotonic()
        with self._printed.open("wb") as out, self._complaints.open("wb") as err:
            try:
                self._process = subprocess.Popen(
                    list(words),
                    stdin=subprocess.DEVNULL,
                    stdout=out,
                    stderr=err,
                    env=environment,
                    start_new_session=sys.platform != "win32",
                )
            except OSError as error:
                raise ScorerFailure(f"it could not be started: {error.strerror}") from error

    @property
    def is_over(self) -> bool:
        """Whether it has ended, or has taken longer than it may."""
        return self._process.poll() is not None or self._left == 0

    @property
    def _left(self) -> float | None:
        """Seconds that it may still take; None for no limit."""
        return None if self._seconds is None else max(0.0, self._begun + self._seconds - time.monotonic())

    def number(self) -> float:
        """The number in its last line, waited for.

        Raises:
            ScorerFailure: it failed, took too long, or printed no number.
        """
        try:
            status = self._process.wait(self._left)
        except subprocess.TimeoutExpired as error:
            raise ScorerFailure(f"it took longer than {self._seconds:g} seconds", self._seconds) from error
        finally:
            self.end()
        if status:
            how = f"was ended by signal {-status}" if status < 0 else f"ended with status {status}"
            last = _last_line(self._complaints) or _last_line(self._printed)
            raise ScorerFailure(f"it {how}" + (f": {last}" if last else ", and printed nothing"))
        line = _last_line(self._printed)
        if not line:
            raise ScorerFailure("it printed nothing, expected a number, or JSON with `score`, as its last line")
        return parsed(line)

    def end(self) -> None:
        """Kills it and its children, unless it has ended by itself."""
        if self._process.poll() is not None:
            return
        with suppress(ProcessLookupError):
            if sys.platform == "win32":
                self._process.kill()
            else:
                os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


def _last_line(file: Path) -> str:
    """The last line of a file that is not blank, shortened; empty if there is none."""
    with file.open("rb") as stream:
        stream.seek(max(0, file.stat().st_size - TAIL))
        lines = stream.read().decode(errors="replace").splitlines()
    line = next((one.strip() for one in reversed(lines) if one.strip()), "")
    return line if len(line) <= LONGEST or line.startswith("{") else line[:LONGEST] + " ..."
