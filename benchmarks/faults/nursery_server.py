"""The warm process behind `benchmarks.faults.nursery`: reads jobs, forks a child for each, says how it ended."""

from __future__ import annotations

import gc
import json
import os
import runpy
import signal
import sys
import time
import traceback
from contextlib import redirect_stdout, suppress
from importlib import import_module
from pathlib import Path
from typing import Any

from benchmarks.faults import events

#: Modules that a run imports late; the public names of radin bring the rest.
WARM = ("matplotlib.figure", "matplotlib.backends.backend_agg", "rich.progress", "rich.table", "sqlite3", "torch")

Job = dict[str, Any]


def warm_up() -> None:
    """Imports what children need, so that they start with it."""
    import radin

    for name in radin.__all__:
        getattr(radin, name)
    for module in WARM:
        import_module(module)
    sys.argv = ["radin", "--version"]
    with suppress(SystemExit), Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere):
        runpy.run_module("radin", run_name="__main__")
    gc.freeze()  # a child that collects garbage need not look through all that was imported


def serve() -> None:
    """Answers each job, a line of JSON, with exit status and seconds, until there are no more."""
    warm_up()
    answers = os.dup(1)
    os.dup2(2, 1)  # nothing else may be written among the answers
    for line in sys.stdin.buffer:
        job = json.loads(line)
        start = time.monotonic()
        pid = os.fork()
        if not pid:
            _be_child(job)
        status = _wait(pid, job["stop"], start, job["limit"])
        os.write(answers, json.dumps([status, time.monotonic() - start]).encode() + b"\n")


def _wait(pid: int, stop: Job | None, start: float, limit: float) -> int | None:
    """Waits for a child, and sends it what is to be sent; None if it had to be killed for taking too long."""
    due = None if stop is None or stop["after"] is None else start + stop["after"]
    late = start + limit
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        now = time.monotonic()
        if done:
            return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
        if stop is not None and due is not None and now >= due:
            os.kill(pid, getattr(signal, stop["signal"]))
            due = None
        if now > late:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return None
        time.sleep(0.001 if due is None else min(0.001, max(0.0, due - now)))


def _be_child(job: Job) -> None:
    """Becomes the child of a job; never returns."""
    code = 97  # the nursery's own fault
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _redirect(job)
        os.environ.update(job["environment"])
        events.arm(job["stop"], None if job["survey"] is None else Path(job["survey"]))
        code = _run(job)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        events.disarm()
    except KeyboardInterrupt:  # in the few lines of this module around the job
        code = 130
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code)


def _redirect(job: Job) -> None:
    create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for number, path, how in ((0, os.devnull, os.O_RDONLY), (1, job["out"], create), (2, job["err"], create)):
        opened = os.open(path, how, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115 -- as long as the process
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, errors="backslashreplace")  # noqa: SIM115


def _run(job: Job) -> int:
    """Does the job as Python would do it in a new process: the exit status, with a traceback where there is one."""
    try:
        if "function" in job:
            module, _, function = job["function"].partition(":")
            getattr(import_module(module), function)(*job["arguments"])
        else:
            sys.argv = ["radin", *job["arguments"]]
            runpy.run_module("radin", run_name="__main__", alter_sys=True)
    except SystemExit as end:
        if isinstance(end.code, str):
            print(end.code, file=sys.stderr)
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt as error:
        if error.__traceback__ is not None and events.within_radin(error.__traceback__):
            traceback.print_exc()
        return 130
    except BaseException:
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve()
