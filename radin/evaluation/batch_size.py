"""The batch size that fits in memory: found once, and recorded."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from radin.common.out_of_memory import is_out_of_memory, release_cached_memory
from radin.errors import TaskError
from radin.evaluation.run_folder import RunFolder

T = TypeVar("T")


class BatchSize:
    """Samples per forward pass, halved each time that memory runs out.

    Arguments:
        most: the size to begin with.
        folder: records the size that was found to fit, for later processes.
    """

    def __init__(self, most: int, folder: RunFolder) -> None:
        self._most, self._folder = most, folder

    @property
    def value(self) -> int:
        """The largest size that is known to fit, or has not been tried."""
        recorded = self._folder.batch_size
        return self._most if recorded is None else min(self._most, recorded)

    def halving(self, what: str, run: Callable[[int], T]) -> T:
        """Calls a function with the batch size until it does not run out of memory.

        Raises:
            TaskError: a single sample does not fit.
        """
        while True:
            size = self.value
            try:
                return run(size)
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if size == 1:
                    raise TaskError(
                        f"{what}: memory ran out on a single sample; use a smaller network, or the CPU"
                    ) from error
                self._folder.batch_size = size // 2
            release_cached_memory()
