"""A connection to Ray: an existing cluster, or one that lives on this machine as long as the run."""

from __future__ import annotations

import importlib.util
import logging
import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from radin.common.wording import first_sentence, installing
from radin.errors import InputError
from radin.evaluation.workers import Workers


def check_installed() -> None:
    """Refuses workers where Ray is not installed, without the second that it takes to import it.

    Raises:
        InputError: it is not; says how to install it.
    """
    if "ray" not in sys.modules and importlib.util.find_spec("ray") is None:
        raise InputError(f"workers need Ray, which is not installed: {installing('ray')}")


def import_ray() -> Any:
    """Ray, if it is installed.

    Raises:
        InputError: it is not; says how to install it.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing is sent anywhere unless the user says so
    os.environ.setdefault("RAY_worker_niceness", "0")  # they do this process's work; Ray lets all others go first
    os.environ.setdefault("RAY_raylet_start_wait_time_s", "120")  # of a machine that is busy; Ray waits 30 seconds
    # The crew counts deaths and shows them; Ray prints a page about each to standard output, where results go.
    os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", "A worker died or was killed")
    try:
        import ray
    except ImportError as error:
        raise InputError(f"workers need Ray, which cannot be imported ({error}): {installing('ray')}") from error
    return ray


@contextmanager
def connected(workers: Workers) -> Iterator[Any]:
    """Ray, connected to a cluster. A cluster that is started here ends with the block; another one goes on.

    Raises:
        InputError: Ray is not installed, or there is no cluster at the address.
    """
    ray = import_ray()
    if ray.is_initialized():
        yield ray
        return
    settings: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR, "runtime_env": _like_here()}
    if workers.address is None:
        cores = workers.count if isinstance(workers.count, int) else None
        settings |= {"num_cpus": cores, "include_dashboard": False}
    before = signal.getsignal(signal.SIGTERM)
    try:
        _start(ray, workers.address, settings)
    except Exception as error:  # Ray raises plain ones, too
        told = first_sentence(error)  # without the remedies, which are those of Ray's own commands
        if workers.address is None:
            raise InputError(
                f"Ray could not be started on this machine: {told}; run without workers, or where there is more room"
            ) from error
        raise InputError(
            f"no Ray cluster could be reached at {workers.address!r}: {told}; start one with `ray start --head`, or "
            "leave the address out to use this machine"
        ) from error
    with ended_in_order(before):
        try:
            yield ray
        finally:
            ray.shutdown()


def _start(ray: Any, address: str | None, settings: dict[str, Any]) -> None:
    """Connects Ray. A Ray of this machine is started once more if it takes over half a minute, for which Ray waits."""
    try:
        ray.init(address=address or "local", **settings)
    except Exception as error:
        if address is not None or "timed out during startup" not in str(error):
            raise
        ray.shutdown()
        ray.init(address="local", **settings)


@contextmanager
def ended_in_order(before: Any) -> Iterator[None]:
    """Lets SIGTERM end a block as Ctrl-C does, so that workers end, too, and leave nothing behind.

    Ray's own handler prints a stack trace and aborts. Schedulers such as SLURM send this signal when time is up.

    Arguments:
        before: the handler before Ray was started. One that the program has set is set again.
    """
    if threading.current_thread() is not threading.main_thread() or before is None:  # Ray sets none then, either
        yield
        return
    signal.signal(signal.SIGTERM, signal.default_int_handler if before == signal.SIG_DFL else before)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _like_here() -> dict[str, Any]:
    """Workers import what this process can import, such as the file that a task comes from."""
    places = [os.path.abspath(place) for place in sys.path if place]  # noqa: PTH100 -- no need for it to be there
    return {"env_vars": {"PYTHONPATH": os.pathsep.join(dict.fromkeys(places))}}
