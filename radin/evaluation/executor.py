"""Executors: where networks run. One runs them in this process; `radin.evaluation.on_ray` has one for many processes.

What is decided (search, race, calibration, budget, ledger, run folder) stays in one process and knows no executor by
name. What is run is a `Pass`: the network of one recipe on some rows, in given batches.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float32, Int64
from torch import nn

from radin.evaluation.batchnorm import recompute_statistics, statistics_of
from radin.evaluation.loading import Networks
from radin.recipe import Recipe
from radin.scoring.kinds import Kind as OutputKind
from radin.searching.ledger import Kind
from radin.tasks.task import Task

Batches = Iterator[Float32[np.ndarray, "b ..."]]


@dataclass(frozen=True)
class Pass:
    """The network of one recipe on some rows.

    Attributes:
        recipe: over the pool.
        key: of the evaluation; tells one filled network from another.
        label: a name for people to read.
        kind: what the pass is charged as.
        test: the name of a test set; None for the task's data.
        only: places of the rows, ascending; None for all.
        statistics: BatchNorm statistics by the network's names, in place of the soup's own.
        outputs: the kind by which outputs are kept; None for that of the rows.
    """

    recipe: Recipe
    key: str
    label: str
    kind: Kind
    test: str | None = None
    only: Int64[np.ndarray, " s"] | None = None
    statistics: Mapping[str, np.ndarray] | None = None
    outputs: OutputKind | None = None


@runtime_checkable
class Executor(Protocol):
    """Runs passes.

    Attributes:
        at_once: passes that may be under way at the same time.
    """

    at_once: int

    def logits(self, job: Pass, size: int) -> Batches:
        """Starts a pass, and returns its logits batch by batch, in the order of its rows.

        Arguments:
            job: the pass.
            size: samples per forward pass.

        Raises:
            TaskError: the network's own code raised.
            torch.OutOfMemoryError: memory ran out; a smaller size may fit.
        """

    def statistics(self, job: Pass, size: int) -> dict[str, np.ndarray]:
        """BatchNorm statistics of a recipe's network, recomputed in batches of at most `size` samples."""

    def close(self) -> None:
        """Lets go of what it holds."""


class InProcess:
    """Runs passes in this process, one at a time, with the one network of `Networks`.

    Arguments:
        task: runs the networks.
        networks: fills them.
    """

    at_once = 1

    def __init__(self, task: Task, networks: Networks) -> None:
        self._task, self._networks = task, networks
        self._left: str | None = None  # key of the network that `statistics` has filled just now

    def logits(self, job: Pass, size: int) -> Batches:
        """Fills the network when the first batch is asked for, then runs it."""
        rows = self._task.rows if job.test is None else self._task.tests[job.test]
        yield from self._task.logits(self.network(job), rows, size, job.only, kind=job.outputs)

    def statistics(self, job: Pass, size: int) -> dict[str, np.ndarray]:
        """Statistics of the network of a recipe, which stays filled for the pass that follows."""
        self._left = None
        network = self._networks.filled(job.recipe)
        recompute_statistics(network, self._task, size)
        self._left = job.key
        return statistics_of(network)

    def network(self, job: Pass) -> nn.Module:
        """The network of a pass, filled until the next one; not again where `statistics` has just filled it."""
        left, self._left = self._left, None
        if left == job.key and job.statistics is not None:
            return self._networks.with_statistics(job.recipe, job.statistics)
        return self._networks.filled(job.recipe, job.statistics)

    def close(self) -> None:
        """Nothing to let go of."""


class Started:
    """A pass that was started with one batch size; it is started again where memory ran out.

    Arguments:
        executor: runs it.
        job: the pass.
        size: samples per forward pass at first.
    """

    def __init__(self, executor: Executor, job: Pass, size: int) -> None:
        self._executor, self._job, self._size = executor, job, size
        self._first: Batches | None = executor.logits(job, size)

    def batches(self, size: int) -> Batches:
        """Logits of all rows in batches of a size, from the first one on."""
        first, self._first = self._first, None
        return first if first is not None and size == self._size else self._executor.logits(self._job, size)
