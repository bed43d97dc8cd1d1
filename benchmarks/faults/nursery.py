"""A warm process that starts others: each child is a process of its own, without the seconds that importing takes.

The nursery imports radin and PyTorch once and then forks one child for each job, so a trial costs what radin does and
not what Python needs to start. A job is the command `radin` with arguments, or a function of these benchmarks. The
nursery sends the signal of a job and reaps the child itself, so a signal can never hit another process.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

#: Seconds after which a child counts as hanging. An undisturbed run of the tiny pool takes about one; chosen by hand.
LIMIT = 120.0


@dataclass(frozen=True)
class Stop:
    """A signal, and when it is sent.

    Attributes:
        signal: its name, such as `SIGKILL`.
        after: seconds after the start; or
        before: the event before which it is sent, see `benchmarks.faults.events`; one of the disk may go on with a
            pattern for the path, as in `os.rename */soup.safetensors`; and
        nth: at which of its occurrences, counted from 1.
    """

    signal: str
    after: float | None = None
    before: str | None = None
    nth: int = 1

    def __str__(self) -> str:
        when = f"after {self.after:.3f} s" if self.after is not None else f"before {self.before} ({self.nth})"
        return f"{self.signal} {when}"


@dataclass(frozen=True)
class Ended:
    """The end of a child.

    Attributes:
        status: its exit status; the negative number of the signal that ended it; None if it was still running after
            the limit, and was killed for that.
        seconds: from its start to its end.
        output: what it wrote to standard output.
        errors: what it wrote to standard error.
    """

    status: int | None
    seconds: float
    output: str
    errors: str

    @property
    def was_killed(self) -> bool:
        """Whether a signal ended it, or SIGINT as an interruption."""
        return self.status is not None and (self.status < 0 or self.status == 130)


class Nursery:
    """Starts children from a warm process. Use it as a context manager: the warm process ends with the block."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables of its processes: they find the same modules, and compute with one thread."""
        return {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(one for one in sys.path if one)}

    def __enter__(self) -> Self:
        """Starts the warm process."""
        self._folder = tempfile.TemporaryDirectory(prefix="radin-faults-")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.faults.nursery_server"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=self.environment,
        )
        return self

    def __exit__(self, *raised: type[BaseException] | BaseException | TracebackType | None) -> None:
        """Ends the warm process."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait()
        self._folder.cleanup()

    def radin(self, *arguments: object, **more: Any) -> Ended:
        """Runs the command `radin`; see `run` for the keywords."""
        return self.run({"arguments": [str(one) for one in arguments]}, **more)

    def call(self, function: str, arguments: Sequence[Any], **more: Any) -> Ended:
        """Runs `module:function` with arguments that JSON can hold; see `run` for the keywords."""
        return self.run({"function": function, "arguments": list(arguments)}, **more)

    def run(
        self,
        job: Mapping[str, Any],
        *,
        stop: Stop | None = None,
        survey: Path | None = None,
        environment: Mapping[str, str] | None = None,
        limit: float = LIMIT,
    ) -> Ended:
        """Runs one job to its end, or to the end that a signal puts to it.

        Arguments:
            job: arguments of the command, or a function and its arguments.
            stop: a signal to send to it.
            survey: a file that gets the number of times that each event occurred.
            environment: variables to set for it.
            limit: seconds after which it is killed.
        """
        out, err = (Path(self._folder.name) / name for name in ("out", "err"))
        request = {
            **job,
            "stop": None if stop is None else asdict(stop),
            "survey": None if survey is None else str(survey),
            "environment": dict(environment or {}),
            "limit": limit,
            "out": str(out),
            "err": str(err),
        }
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError("the warm process that starts the others has ended")
        status, seconds = json.loads(answer)
        return Ended(status, seconds, *(one.read_text(errors="replace") for one in (out, err)))


def name_of(status: int | None) -> str:
    """An exit status in words."""
    if status is None:
        return "did not end"
    return f"ended by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
