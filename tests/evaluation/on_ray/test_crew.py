"""A crew's workers die or fail: the job is sent again, and what cannot succeed is an error. One test has a real Ray."""

import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from helpers.fake_ray import Actor, DeathError, Ray
from helpers.ray_runs import outcome, soup_of
from helpers.small import Network, clouds, make_pool

import radin
from radin.evaluation.executor import Pass
from radin.evaluation.on_ray.crew import Crew, Member
from radin.evaluation.on_ray.jobs import MOST_DEATHS, Job
from radin.evaluation.on_ray.worker import About
from radin.recipe import Recipe

Answer = tuple[Exception | None, object]


class Scene:
    """A crew of stand-ins, each with its own way to answer.

    Attributes:
        lost: labels of jobs that died with their workers.
        shown: the last line of each worker.
    """

    def __init__(self, *answers: Callable[[Pass], Answer]) -> None:
        self.lost: list[str] = []
        self.shown: dict[int, str] = {}
        abouts = [About("here", i, "cpu", "cpu") for i in range(len(answers))]
        starts = [partial(Actor, answer, about) for answer, about in zip(answers, abouts, strict=True)]
        members = [
            Member(i, start, start(), about) for i, (start, about) in enumerate(zip(starts, abouts, strict=True))
        ]
        self.crew = Crew(Ray(), members, lambda job: self.lost.append(job.work.label), self._show)

    def _show(self, member: Member) -> None:
        self.shown[member.number] = str(member)

    def results(self, labels: str) -> list[object]:
        jobs = [Job("logits", work(label), 8, 8) for label in labels]
        self.crew.add(jobs)
        return [self.crew.result(job) for job in jobs]


def work(label: str) -> Pass:
    return Pass(Recipe(("a", "b"), (1.0, 0.0)), f"key {label}", label, "pass")


def says(job: Pass) -> Answer:
    return None, job.label.upper()


def fails(job: Pass) -> Answer:
    return radin.errors.TaskError(f"no good: {job.label}"), None


def dies(times: int, at: str) -> Callable[[Pass], Answer]:
    """A worker that dies on some jobs, so often for each."""
    seen = Counter[str]()

    def answer(job: Pass) -> Answer:
        seen[job.label] += 1
        if job.label in at and seen[job.label] <= times:
            raise DeathError("killed")
        return says(job)

    return answer


def test_results_come_in_the_order_of_the_jobs() -> None:
    scene = Scene(says, says, says)
    assert scene.results("abcdefgh") == list("ABCDEFGH")
    assert scene.lost == []
    assert "samples/s" in scene.shown[0] and "died" not in scene.shown[0]


def test_the_job_that_had_begun_is_lost_and_no_other() -> None:
    scene = Scene(dies(1, "c"))
    assert scene.results("abcde") == list("ABCDE")
    assert scene.lost == ["c"]
    assert "died 1 time" in scene.shown[0]


def test_the_place_of_a_worker_is_free_before_another_is_started_there() -> None:
    scene = Scene(dies(2, "c"))
    first = scene.crew.members[0].actor
    assert scene.results("abcde") == list("ABCDE")
    assert first.is_killed and not scene.crew.members[0].actor.is_killed


def test_a_job_that_ends_its_worker_again_and_again_ends_the_run() -> None:
    scene = Scene(dies(99, "b"), dies(99, "b"))
    with pytest.raises(radin.errors.TaskError, match=f"b ended its worker {MOST_DEATHS} times: killed"):
        scene.results("abc")
    assert scene.lost == ["b"] * MOST_DEATHS


def test_an_error_on_one_worker_is_tried_on_another() -> None:
    assert Scene(fails, says).results("abcd") == list("ABCD")


def test_an_error_on_two_workers_is_the_runs_error() -> None:
    with pytest.raises(radin.errors.TaskError, match="no good: a"):
        Scene(fails, fails, says).results("a")


def test_a_file_that_one_worker_cannot_read_is_read_by_another() -> None:
    def blind(job: Pass) -> Answer:
        return radin.errors.MissingFileError("/there/run0.safetensors: no such file"), None

    assert Scene(blind, says).results("abcd") == list("ABCD")


def test_memory_that_runs_out_is_not_tried_elsewhere() -> None:
    def small(job: Pass) -> Answer:
        return torch.OutOfMemoryError("tried to allocate too much"), None

    with pytest.raises(torch.OutOfMemoryError):
        Scene(small, says).results("a")


def test_jobs_that_are_dropped_are_not_sent() -> None:
    ran: list[str] = []

    def answer(job: Pass) -> Answer:
        ran.append(job.label)
        return says(job)

    scene = Scene(answer)
    jobs = [Job("logits", work(label), 8, 8) for label in "abcdef"]
    scene.crew.add(jobs)
    scene.crew.drop(jobs[2:])
    assert scene.results("z") == ["Z"]
    assert ran == ["a", "b", "z"]  # two were under way


def test_a_killed_worker_costs_its_job_and_nothing_else(ray, tmp_path: Path) -> None:
    paths, marks = make_pool(tmp_path / "pool", 3), tmp_path / "marks"
    marks.mkdir()

    def forward(network, x):
        (marks / str(os.getpid())).touch()
        time.sleep(0.02)
        return network(x)

    task = radin.Task(Network, clouds(300, 1), forward=forward, batch_size=32, device="cpu")
    calm = soup_of(paths, task, tmp_path / "calm", None)
    here = str(os.getpid())

    def kill_one() -> None:
        while not (workers := {file.name for file in marks.iterdir()} - {here}):
            time.sleep(0.01)
        os.kill(int(workers.pop()), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    hit = soup_of(paths, task, tmp_path / "hit")
    killer.join()
    assert outcome(hit) == outcome(calm)
    assert hit.spent.soups == calm.spent.soups
    assert hit.spent.lost <= 1  # the job that had begun; none if the worker was between two
