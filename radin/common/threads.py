"""Threads where the system gives some, the caller's own where it does not."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any


class Threads(ThreadPoolExecutor):
    """A pool of threads for functions that may be called twice with no harm, such as reading.

    A limit on processes (`ulimit -u`) or a full container lets no further thread start. Then the calling thread does
    the work itself, at once.
    """

    def submit(self, function: Callable[..., Any], /, *arguments: Any, **options: Any) -> Future[Any]:
        """Has a function called, by another thread if there can be one."""
        try:
            return super().submit(function, *arguments, **options)
        except RuntimeError:  # no thread can be started; those that are there may call the function as well
            done: Future[Any] = Future()
            try:
                done.set_result(function(*arguments, **options))
            except BaseException as error:  # given to whoever asks for the result, as a thread's would be
                done.set_exception(error)
            return done
