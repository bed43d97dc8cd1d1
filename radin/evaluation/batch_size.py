"""The batch size that fits in memory: found once, and remembered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from radin.errors import TaskError
from radin.searching.budget import Ledger
from radin.tasks.device import is_out_of_memory

T = TypeVar("T")


class BatchSize:
    """Samples per forward pass, which are halved each time that memory runs out.

    Arguments:
        most: samples to begin with.
        ledger: remembers for later processes what was found to fit.
    """

    def __init__(self, most: int, ledger: Ledger) -> None:
        self._most, self._ledger = most, ledger

    @property
    def value(self) -> int:
        """As many as are known to fit, or have not been tried."""
        return int(min(self._most, self._ledger.fact("batch_size", self._most)))

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
                self._ledger.set_fact("batch_size", size // 2)
