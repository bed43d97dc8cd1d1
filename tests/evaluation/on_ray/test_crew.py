"""Workers that die or fail: the job is sent again, and the answer is that of a calm run."""

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from helpers.ray_runs import B, outcome, soup_of
from helpers.small import Network, clouds, make_pool

import radin

pytest.importorskip("ray")


def test_a_killed_worker_costs_its_job_and_nothing_else(ray, tmp_path: Path) -> None:
    paths, marks = make_pool(tmp_path / "pool", 3), tmp_path / "marks"
    marks.mkdir()

    def forward(network, x):
        (marks / str(os.getpid())).touch()
        time.sleep(0.02)
        return network(x)

    task = radin.Task(Network, clouds(300, 1), forward=forward, batch_size=32, device="cpu")
    calm = soup_of(paths, task, tmp_path / "calm")
    before = {file.name for file in marks.iterdir()}

    def kill_one() -> None:
        while not (new := {file.name for file in marks.iterdir()} - before - {str(os.getpid())}):
            time.sleep(0.01)
        os.kill(int(new.pop()), signal.SIGKILL)

    killer = threading.Thread(target=kill_one)
    killer.start()
    hit = soup_of(paths, task, tmp_path / "hit")
    killer.join()
    assert outcome(hit) == outcome(calm)
    assert hit.spent.soups == calm.spent.soups
    assert hit.spent.lost <= 1  # the job that had begun; none if the worker was between two


def test_an_error_on_one_worker_is_tried_on_another(ray, tmp_path: Path) -> None:
    paths, broken, driver = make_pool(tmp_path / "pool", 3), tmp_path / "broken", os.getpid()

    def forward(network, x):
        if os.getpid() != driver:
            with contextlib.suppress(FileExistsError), broken.open("x") as mark:
                mark.write(str(os.getpid()))  # the first worker is the broken one
            if broken.read_text() == str(os.getpid()):
                raise ValueError("this worker's device is broken")
        return network(x)

    task = radin.Task(Network, clouds(300, 1), forward=forward, batch_size=32, device="cpu")
    assert len(soup_of(paths, task, tmp_path / "run").leaderboard) == 3 + B
    assert broken.exists()


def test_an_error_on_every_worker_is_the_runs_error(ray, tmp_path: Path) -> None:
    paths, driver = make_pool(tmp_path / "pool", 3), os.getpid()

    def forward(network, x):
        if os.getpid() != driver:
            raise ValueError("no good")
        return network(x)

    task = radin.Task(Network, clouds(300, 1), forward=forward, batch_size=32, device="cpu")
    with pytest.raises(radin.errors.TaskError, match="no good"):
        soup_of(paths, task, tmp_path / "run")
