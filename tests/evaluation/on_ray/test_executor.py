"""Runs on a real Ray of two workers: the same bytes as in one process, whatever dies on the way."""

import contextlib
import gc
import os
import signal
import socket
import threading
import time
import warnings
from pathlib import Path

import pytest
import torch
from helpers.small import Network, clouds, make_pool

import radin
from radin.evaluation.on_ray.cluster import connected
from radin.evaluation.on_ray.executor import OnRay

pytest.importorskip("ray")
B = 2


@pytest.fixture(scope="module")
def ray():
    """A Ray on this machine that all tests of this module share."""
    with connected(radin.Workers(count=2)) as library:
        yield library
    with warnings.catch_warnings():  # Ray lets go of its own processes without waiting for them
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def soup_of(paths: list[Path], task: radin.Task, run: Path, workers: int | None = 2) -> radin.Result:
    budget = radin.Budget(soups=B, candidates=30)
    return radin.make_soup(radin.Pool(paths), task, budget=budget, run_dir=run, workers=workers, baselines=())


def outcome(result: radin.Result) -> tuple:
    """Everything that must not depend on where networks run."""
    board = [(str(one.recipe), one.score) for one in result.leaderboard]
    run = result.run_dir
    logits = {file.name: file.read_bytes() for folder in ("logits", "soups") for file in (run / folder).glob("*.npy")}
    return board, result.report.to_json(), (run / "soup.safetensors").read_bytes(), logits


@pytest.mark.parametrize("batchnorm", [False, True])
def test_two_workers_give_the_bytes_of_one_process(ray, tmp_path: Path, batchnorm: bool) -> None:
    paths = make_pool(tmp_path / "pool", 4, batchnorm=batchnorm)
    task = radin.Task(lambda: Network(batchnorm), clouds(300, 1), test=clouds(70, 2), batch_size=32, device="cpu")
    here, there = (soup_of(paths, task, tmp_path / str(workers), workers) for workers in (None, 2))
    assert outcome(there) == outcome(here)
    assert there.spent.lost == 0
    again = soup_of(paths, task, tmp_path / "None", 2)  # another process's folder goes on: nothing runs twice
    assert outcome(again) == outcome(here)
    assert again.spent.passes == here.spent.passes


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


def test_memory_that_runs_out_on_a_worker_halves_the_batch(ray, tmp_path: Path) -> None:
    paths, driver = make_pool(tmp_path / "pool", 3), os.getpid()

    def forward(network, x):
        if os.getpid() != driver and len(x) > 16:
            raise torch.OutOfMemoryError("tried to allocate too much")
        return network(x)

    task = radin.Task(Network, clouds(300, 1), forward=forward, batch_size=64, device="cpu")
    result = soup_of(paths, task, tmp_path / "run")
    assert len(result.leaderboard) == 3 + B
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.fact("batch_size") == 16


def test_a_file_that_a_worker_cannot_read_is_named_with_its_node(ray, tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3)
    pool, task = radin.Pool(paths), radin.Task(Network, clouds(60, 1), device="cpu")
    paths[1].unlink()
    with pytest.raises(radin.errors.InputError, match=rf"{socket.gethostname()} cannot read {paths[1]}"):
        OnRay(radin.Workers(count=1), task, pool, batchnorm="average", in_place=True, lost=print)
