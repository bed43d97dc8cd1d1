"""A worker: one process with one network, which runs parts of passes as the driver sends them."""

from __future__ import annotations

import os
import pickle
import socket
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch

from radin.adapters.pool import AdapterPool
from radin.common.code_location import place_of_error
from radin.common.out_of_memory import is_out_of_memory, release_cached_memory
from radin.errors import RadinError, TaskError
from radin.evaluation.batchnorm import recompute_statistics, statistics_of
from radin.evaluation.executor import Pass
from radin.evaluation.loading import Networks
from radin.evaluation.loading_facts import IN_PLACE
from radin.evaluation.on_ray.averages import Averages
from radin.tasks.task import Task
from radin.weights.pool import Pool

T = TypeVar("T")


@dataclass(frozen=True)
class About:
    """A worker, as the driver reports it.

    Attributes:
        node: the machine's name.
        process: its process id.
        device: where networks run.
        kind: the device's type; logits of another type are other logits.
        unseen: files of the pool that this worker cannot read.
    """

    node: str
    process: int
    device: str
    kind: str
    unseen: tuple[str, ...] = ()


#: The result of a job, as two objects, so that the driver can look for an error without fetching the value.
Answer = tuple[Exception | None, Any]


class _Facts(dict[str, Any]):
    """Facts that the driver has found out about loading, in the place of its ledger."""

    def fact(self, name: str, default: Any = None) -> Any:
        return self.get(name, default)

    def set_fact(self, name: str, value: Any) -> None:
        self[name] = value


class _AsTold:
    """In the place of `BatchSize`: the driver decides on the size, so memory that runs out is its error to handle."""

    def __init__(self, size: int) -> None:
        self.value = size

    def halving(self, what: str, run: Callable[[int], T]) -> T:
        return run(self.value)


class Worker:
    """Runs jobs; Ray makes an actor of it.

    Arguments:
        task: builds and runs networks.
        pool: the ingredients, whose files this worker reads itself.
        batchnorm: policy for BatchNorm statistics of soups.
        in_place: whether networks may be filled in place, as the driver has found.
        threads: of PyTorch within this process; results are those of one process with as many.
        shared: the run's name, by which workers of one node share averages of soups; empty where each averages alone.
    """

    def __init__(self, task: Task, pool: Pool, batchnorm: str, in_place: bool, threads: int, shared: str = "") -> None:
        torch.set_num_threads(threads)
        self._task, self._pool, self._filled = task, pool, ""
        self._batch = _AsTold(task.batch_size)
        facts: Any = _Facts({IN_PLACE: {task.code: in_place}})
        self._averages = Averages(pool, batchnorm, shared) if shared and not _is_light(pool) else None
        averages = None if self._averages is None else self._averages.of
        self._networks = Networks(task, pool, batchnorm=batchnorm, batch=self._batch, facts=facts, averages=averages)

    def about(self) -> About:
        """This worker, and the files that it cannot read."""
        unseen = tuple(str(path) for path in self._pool.files if not os.access(path, os.R_OK))
        device = self._task.torch_device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else str(device)
        return About(socket.gethostname(), os.getpid(), name, device.type, unseen)

    def leave(self) -> None:
        """Removes what workers of this node have shared, at the end of the run."""
        if self._averages is not None:
            self._averages.remove()

    def logits(self, job: Pass, size: int) -> Answer:
        """Logits `[s, C]` of a pass on its rows, run in batches of `size`.

        Arguments:
            job: the pass; its rows are a part of a whole pass's that begins where a batch does.
            size: samples per forward pass.
        """

        def run() -> np.ndarray:
            rows = self._task.rows if job.test is None else self._task.tests[job.test]
            batches = self._task.logits(self._network(job, size), rows, size, job.only, kind=job.outputs)
            return rows.kind.join(list(batches))

        return _answer(run)

    def statistics(self, job: Pass, size: int) -> Answer:
        """BatchNorm statistics of a recipe's network, recomputed in batches of at most `size` samples."""

        def run() -> dict[str, np.ndarray]:
            network = self._network(job, size)
            self._filled = ""  # the statistics are others now
            recompute_statistics(network, self._task, size)
            return statistics_of(network)

        return _answer(run)

    def _network(self, job: Pass, size: int) -> torch.nn.Module:
        """The network of a pass; filled anew only where the last job was of another one."""
        self._batch.value = size
        wanted = f"{job.key}{'' if job.statistics is None else ' with statistics'}"
        if self._filled != wanted:
            self._filled = ""  # an error on the way leaves a network of nothing
            self._networks.filled(job.recipe.named(self._pool.names), job.statistics)
            self._filled = wanted
        return self._networks.network


def _is_light(pool: Pool) -> bool:
    """Whether soups are adapters, which take less time to average than to share."""
    return isinstance(pool, AdapterPool) and not pool.merge


def _answer(run: Callable[[], Any]) -> Answer:
    """The value of a function, or its error in a form that can be sent."""
    try:
        return None, run()
    except Exception as error:
        if isinstance(error, RadinError):
            return _sendable(error), None
        told = "".join(traceback.format_exception_only(error)).strip()
        if not is_out_of_memory(error):
            return TaskError(f"a worker on {socket.gethostname()} failed: {told}{place_of_error(error)}"), None
    release_cached_memory()
    return torch.OutOfMemoryError(told), None


def _sendable(error: RadinError) -> RadinError:
    """The error itself where pickle brings it back as it is, else one of its class with the same message."""
    try:
        if str(pickle.loads(pickle.dumps(error))) == str(error):
            return error
    except Exception:  # classes pickle themselves as they like
        pass
    return TaskError(error.message).mended_by(**error.mend)
