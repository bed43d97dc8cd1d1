"""The executor that shares passes out over the workers of a Ray cluster."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from radin.common.progress import SILENT, Advance, Lines, Progress
from radin.errors import InputError, TaskError
from radin.evaluation.executor import Batches, Pass
from radin.evaluation.on_ray.averages import remove_shared
from radin.evaluation.on_ray.cluster import connected
from radin.evaluation.on_ray.crew import Crew, Member
from radin.evaluation.on_ray.jobs import Job, parts_of, sent
from radin.evaluation.on_ray.worker import About, Worker
from radin.evaluation.workers import Workers
from radin.tasks.task import Task
from radin.weights.pool import Pool

#: Seconds that workers have to tidy up at the end.
TIDYING = 2.0

#: Seconds that a cluster has to start the workers that were asked for.
PATIENCE = 180.0


class OnRay:
    """Runs passes on workers. What comes back is the same, bit for bit, as from one process with as many threads.

    Each pass is cut into jobs where its batches are cut, so a worker runs the batches that one process would. A worker
    that dies is replaced by a new one; the job that it had begun is recorded as lost and sent again.

    Arguments:
        workers: how many, and where.
        task: sent to each worker once.
        pool: the ingredients, whose files the workers read.
        batchnorm: policy for BatchNorm statistics of soups.
        in_place: whether networks may be filled in place.
        lost: told of each job that died with its worker.
        progress: shows a line for each worker where it can.

    Raises:
        InputError: Ray is missing, the cluster has no place for the workers, their device is another than this
            process's, one cannot read a file of the pool, or the task cannot be sent to them.
        TaskError: a worker cannot be started, for a module that is missing on its node, say.
    """

    def __init__(
        self,
        workers: Workers,
        task: Task,
        pool: Pool,
        *,
        batchnorm: str,
        in_place: bool,
        lost: Callable[[Job], None],
        progress: Progress = SILENT,
    ) -> None:
        self._task, self._line = task, progress.line if isinstance(progress, Lines) else None
        run = uuid.uuid4().hex
        foreseen = workers.count if isinstance(workers.count, int) else None
        with ExitStack() as undo, progress.stage("starting workers", foreseen, "worker") as advance:
            undo.callback(remove_shared, run)  # last of all, when the workers have ended
            ray = undo.enter_context(connected(workers))
            on_gpus = task.torch_device.type == "cuda"
            there = ray.cluster_resources()
            number = workers.number(there.get("GPU", 0.0), there.get("CPU", 0.0), on_gpus)
            needs: dict[str, Any] = {"num_gpus": workers.gpus, "num_cpus": 0} if on_gpus else {"num_cpus": 1}
            actor = ray.remote(max_restarts=0, max_task_retries=0, **needs)(Worker)  # the crew sees each death
            sent = task if task.torch_device.index is None else replace(task, device=task.torch_device.type)
            alive = sum(node["Alive"] for node in ray.nodes())
            shared = run if number > alive else ""  # else a node may well have one worker alone
            self._kept = [_sent(ray, sent), _sent(ray, pool)]  # as long as workers may be started again
            start = partial(actor.remote, *self._kept, batchnorm, in_place, workers.threads, shared)
            actors = [start() for _ in range(number)]
            undo.callback(lambda: [ray.kill(one) for one in actors])
            abouts = _started(ray, actors, advance)
            members = [Member(i, start, one, about) for i, (one, about) in enumerate(zip(actors, abouts, strict=True))]
            undo.callback(lambda: [ray.kill(member.actor) for member in members])
            _check(members, task)
            self.crew = Crew(ray, members, lost, self._show)
            undo.callback(self._leave, ray)
            for member in members:
                self._show(member)
            self._undo = undo.pop_all()
        self.at_once = number + 1

    def logits(self, job: Pass, size: int) -> Batches:
        """Queues the jobs of a pass, and returns their logits in the order of its rows."""
        rows = self._task.rows if job.test is None else self._task.tests[job.test]
        jobs = list(parts_of(job, len(rows), size, len(self.crew.members), divisible=rows.can_choose))
        self.crew.add(jobs)
        return self._results(jobs)

    def _results(self, jobs: list[Job]) -> Iterator[np.ndarray]:
        try:
            for job in jobs:
                yield self.crew.result(job)
                job.value = job.work = None  # type: ignore[assignment]  # lets go of the memory
        finally:
            self.crew.drop(jobs)

    def statistics(self, job: Pass, size: int) -> dict[str, np.ndarray]:
        """BatchNorm statistics of a recipe's network, recomputed by one worker."""
        one = Job("statistics", sent(job), size, 0)
        self.crew.add([one])
        return dict(self.crew.result(one))

    def _show(self, member: Member) -> None:
        if self._line is not None:
            self._line(f"worker {member.number}", str(member))

    def _leave(self, ray: Any) -> None:
        """Lets the workers tidy up before they are ended, and takes their lines away."""
        for member in self.crew.members:
            if self._line is not None:
                self._line(f"worker {member.number}", "")
        gone = [member.actor.leave.remote() for member in self.crew.members if member.ping is None]
        if gone:
            ray.wait(gone, num_returns=len(gone), timeout=TIDYING)

    def close(self) -> None:
        """Ends the workers, and Ray if it was started for this run."""
        self._undo.close()


def _started(ray: Any, actors: list[Any], advance: Advance) -> list[About]:
    """Each worker's description of itself, once it runs."""
    signs = [actor.about.remote() for actor in actors]
    late, end = signs, time.monotonic() + PATIENCE
    while late:
        ready, late = ray.wait(late, num_returns=1, timeout=max(0.0, end - time.monotonic()))
        advance(len(ready))
        if not ready:
            raise InputError(
                f"asked for {len(actors)} workers, but the cluster has started {len(actors) - len(late)} within "
                f"{PATIENCE:.0f} seconds; ask for fewer, or add nodes"
            )
    try:
        return list(ray.get(signs))
    except ray.exceptions.RayError as error:
        told = str(error).strip().splitlines()[-1]
        raise TaskError(
            f"a worker could not be started: {told}; each node needs radin and all that the task imports, in the same "
            "versions"
        ) from error


def _sent(ray: Any, thing: Task | Pool) -> Any:
    """A reference to a task or a pool that workers can read."""
    try:
        return ray.put(thing)
    except Exception as error:  # pickle raises what it likes, and Ray a page about it
        reason = error.__cause__ or error
        told = next(iter(str(reason).strip().splitlines()), type(reason).__name__)
        raise InputError(
            f"this {type(thing).__name__.lower()} cannot be sent to workers: {told}; make what cannot be pickled where "
            "the network is built or the data are opened, or run without workers"
        ) from error


def _check(members: list[Member], task: Task) -> None:
    """Refuses workers that cannot give this run's results, before anything is charged."""
    for member in members:
        about = member.about
        if about.unseen:
            raise InputError(
                f"the worker on node {about.node} cannot read {about.unseen[0]}"
                f"{f' and {len(about.unseen) - 1} more files' if len(about.unseen) > 1 else ''}: every node has to see "
                "the checkpoints under the same path, on a shared file system, say"
            )
        if about.kind != task.torch_device.type:
            raise InputError(
                f"the worker on node {about.node} runs networks on {about.kind}, this process on "
                f"{task.torch_device.type}, and their logits differ; name the device for both."
            ).mended_by(device="cpu")
