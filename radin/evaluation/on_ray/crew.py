"""The crew: workers, the jobs that each has under way, and what is done when one dies."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch

from radin.common.wording import counted
from radin.errors import TaskError
from radin.evaluation.on_ray.jobs import MOST_DEATHS, MOST_FAILURES, Job
from radin.evaluation.on_ray.worker import About

#: Jobs under way on one worker: the next one waits there, so that no worker waits for the driver.
UNDER_WAY = 2

#: Seconds between two attempts to start a worker again.
PAUSE = 0.2

#: Seconds without any worker after which a run ends: those that died are started again, if there is place for them.
WITHOUT_WORKERS = 120.0


@dataclass(eq=False)
class Member:
    """One worker, as the driver sees it.

    Attributes:
        number: its place in the crew.
        start: starts a process in its place, and returns Ray's handle.
        actor: the handle of the process that there is now.
        about: the process.
        jobs: under way with the reference to each one's error, the one that has begun first.
        ping: the reference to a sign of life, while it restarts.
        holds: the key of the pass whose network it has.
        samples: that it has run.
        seconds: that these took.
        since: when its first job began, on the clock of `time.monotonic`.
        restarts: times that it died and was started again.
    """

    number: int
    start: Callable[[], Any]
    actor: Any
    about: About
    jobs: deque[tuple[Job, Any, Any]] = field(default_factory=deque)
    ping: Any = None
    holds: str = ""
    samples: int = 0
    seconds: float = 0.0
    since: float = 0.0
    restarts: int = 0

    def __str__(self) -> str:
        """The worker in a line: its device, its rate, and whether it died."""
        rate = f", {self.samples / self.seconds:,.0f} samples/s" if self.samples and self.seconds else ""
        again = f", died {counted(self.restarts, 'time')}" if self.restarts else ""
        state = ", starting again" if self.ping is not None else ""
        return f"worker {self.number + 1} on {self.about.node}, {self.about.device}{rate}{again}{state}"


class Crew:
    """Gives jobs to workers and sends those of dead ones again.

    Arguments:
        ray: the library, connected.
        members: the workers.
        lost: told of a job that died with its worker, to be recorded.
        show: told of a worker about which something has changed.
    """

    def __init__(
        self,
        ray: Any,
        members: Sequence[Member],
        lost: Callable[[Job], None],
        show: Callable[[Member], None] = lambda member: None,
    ) -> None:
        self._ray, self.members, self._lost, self._show = ray, list(members), lost, show
        self._waiting: list[Job] = []
        self._alive = time.monotonic()

    def add(self, jobs: Sequence[Job]) -> None:
        """Queues jobs, and sends as many as the workers take."""
        self._waiting += jobs
        self._send()

    def drop(self, jobs: Sequence[Job]) -> None:
        """Forgets jobs whose results are no longer wanted."""
        for job in jobs:
            job.dropped = True
        self._waiting = [job for job in self._waiting if not job.dropped]

    def result(self, job: Job) -> Any:
        """The value of a job, waited for; other jobs go on meanwhile.

        Raises:
            TaskError: the job ended its worker again and again, or raised on several workers, or none is left.
            torch.OutOfMemoryError: memory ran out on the worker.
        """
        while True:
            while not job.is_settled:
                self._send()
                self._settle()
            if job.error is not None:
                raise job.error
            try:
                return self._ray.get(job.value)
            except self._ray.exceptions.RayError as error:  # the node that held the value is gone
                job.value = None
                self._died_with(job, error)
                self._waiting.insert(0, job)

    def _send(self) -> None:
        """Gives jobs to the workers that have room for them."""
        for room in range(UNDER_WAY):
            for member in self.members:
                if member.ping is None and len(member.jobs) <= room:
                    job = self._next(member)
                    if job is not None:
                        self._waiting.remove(job)
                        call = getattr(member.actor, job.what).options(num_returns=2)
                        error, value = call.remote(job.work, job.size)
                        member.holds = job.work.key
                        if not member.jobs:
                            member.since = time.monotonic()
                        member.jobs.append((job, error, value))

    def _next(self, member: Member) -> Job | None:
        """The job that a worker does best: of the network that it holds, else of one that no other holds."""
        able = [job for job in self._waiting if member.number not in job.failed_on]
        if not able:
            return None
        held = {other.holds for other in self.members if other is not member and other.jobs}
        ours = (job for job in able if job.work.key == member.holds)
        nobody = (job for job in able if job.work.key not in held)
        return next(ours, None) or next(nobody, None) or able[0]

    def _settle(self) -> None:
        """Waits until something has happened to a job or a worker, and takes note of it."""
        running = {member.jobs[0][1]: member for member in self.members if member.jobs and member.ping is None}
        starting = {member.ping: member for member in self.members if member.ping is not None}
        if running:
            self._alive = time.monotonic()
        elif time.monotonic() - self._alive > WITHOUT_WORKERS:
            raise TaskError(
                f"no worker has been running for {WITHOUT_WORKERS:.0f} seconds: all have died, and none could be "
                "started again. What was completed is kept; the same call resumes the run"
            )
        done, _ = self._ray.wait([*running, *starting], num_returns=1, timeout=1.0)
        for one in done:
            if one in starting:
                self._returned(starting[one])
            else:
                self._ended(running[one])

    def _returned(self, member: Member) -> None:
        """A worker that was started again answers, or has died again."""
        try:
            member.about = self._ray.get(member.ping)
            member.ping = None
            self._show(member)
        except self._ray.exceptions.RayError:
            time.sleep(PAUSE)
            self._replace(member)

    def _ended(self, member: Member) -> None:
        """The job that a worker had begun has a result, an error, or has died with it."""
        job, error, value = member.jobs[0]
        try:
            raised = self._ray.get(error)
        except self._ray.exceptions.RayError as death:
            self._restart(member, death)
            return
        member.jobs.popleft()
        now = time.monotonic()
        if raised is None and job.what == "logits":
            member.samples, member.seconds = member.samples + job.rows, member.seconds + now - member.since
        member.since = now
        self._show(member)
        if job.dropped:
            return
        if raised is None:
            job.value = value
            return
        job.failed_on.add(member.number)
        able = [other for other in self.members if other.number not in job.failed_on]
        if isinstance(raised, torch.OutOfMemoryError) or len(job.failed_on) >= MOST_FAILURES or not able:
            job.error = raised
        else:
            self._waiting.insert(0, job)

    def _restart(self, member: Member, death: Exception) -> None:
        """Sends the jobs of a dead worker again; only the first had begun."""
        jobs, member.jobs = [job for job, _, _ in member.jobs], deque()
        member.holds = ""
        self._replace(member)
        member.restarts += 1
        self._show(member)
        self._died_with(jobs[0], death)
        self._waiting[:0] = [job for job in jobs if not job.is_settled]

    def _replace(self, member: Member) -> None:
        """Starts a process in the place of one that died. One that merely gave no answer is ended, to make room."""
        self._ray.kill(member.actor)
        member.actor = member.start()
        member.ping = member.actor.about.remote()

    def _died_with(self, job: Job, death: Exception) -> None:
        self._lost(job)
        job.deaths += 1
        if job.deaths >= MOST_DEATHS:
            told = str(death).strip().splitlines()[0]
            job.error = TaskError(
                f"{job.work.label} ended its worker {job.deaths} times: {told} Most often memory has run out: "
                "use fewer workers, or a smaller batch"
            )
