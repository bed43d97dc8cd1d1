"""Runs on a real Ray of two workers: the same bytes as in one process, whatever dies on the way."""

import contextlib
import os
import socket
import threading
from pathlib import Path

import pytest
import torch
from helpers.ray_runs import B, outcome, soup_of
from helpers.small import Network, clouds, make_pool

import radin
from radin.evaluation.on_ray.executor import OnRay

pytest.importorskip("ray")


def test_two_workers_give_the_bytes_of_one_process(ray, tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 4, batchnorm=True)
    task = radin.Task(lambda: Network(True), clouds(300, 1), test=clouds(70, 2), batch_size=32, device="cpu")
    here, there = (soup_of(paths, task, tmp_path / str(workers), workers) for workers in (None, 2))
    assert outcome(there) == outcome(here)
    assert there.spent.lost == 0
    again = soup_of(paths, task, tmp_path / "None", 2)  # another process's folder goes on: nothing runs twice
    assert outcome(again) == outcome(here)
    assert again.spent.passes == here.spent.passes


def test_a_worker_that_fails_and_memory_that_runs_out_cost_no_result(ray, tmp_path: Path) -> None:
    paths, broken, driver = make_pool(tmp_path / "pool", 3), tmp_path / "broken", os.getpid()

    def forward(network, x):
        if os.getpid() != driver:
            with contextlib.suppress(FileExistsError), broken.open("x") as mark:
                mark.write(str(os.getpid()))  # the first worker is the broken one
            if broken.read_text() == str(os.getpid()):
                raise ValueError("this worker's device is broken")
            if len(x) > 16:
                raise torch.OutOfMemoryError("tried to allocate too much")
        return network(x)

    task = radin.Task(Network, clouds(300, 1), forward=forward, batch_size=64, device="cpu")
    two_at_once = radin.Workers(count=2, at_once=2)
    result = soup_of(paths, task, tmp_path / "run", two_at_once)
    assert len(result.leaderboard) == 3 + B
    assert result.settings["at_once"] == 2
    assert broken.exists()
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.fact("batch_size") == 16


def test_a_file_that_a_worker_cannot_read_is_named_with_its_node(ray, tmp_path: Path) -> None:
    paths = make_pool(tmp_path / "pool", 3)
    pool, task = radin.Pool(paths), radin.Task(Network, clouds(60, 1), device="cpu")
    paths[1].unlink()
    with pytest.raises(radin.errors.InputError, match=rf"{socket.gethostname()} cannot read {paths[1]}"):
        OnRay(radin.Workers(count=1), task, pool, batchnorm="average", in_place=True, lost=print)


def test_a_task_that_cannot_be_sent_is_an_error_that_says_why(ray, tmp_path: Path) -> None:
    pool, lock = radin.Pool(make_pool(tmp_path / "pool", 2)), threading.Lock()

    def forward(network, x):
        with lock:
            return network(x)

    task = radin.Task(Network, clouds(60, 1), forward=forward, device="cpu")
    with pytest.raises(radin.errors.InputError, match=r"task cannot be sent to workers: cannot pickle '_thread.lock'"):
        OnRay(radin.Workers(count=1), task, pool, batchnorm="average", in_place=True, lost=print)


class Silent:
    """A thing that refuses to be pickled without a word."""

    def __reduce__(self):
        raise NotImplementedError


def test_an_error_without_words_is_called_by_its_class(ray, tmp_path: Path) -> None:
    pool, part = radin.Pool(make_pool(tmp_path / "pool", 2)), Silent()
    task = radin.Task(Network, clouds(60, 1), forward=lambda network, x: network(x) if part else x, device="cpu")
    with pytest.raises(radin.errors.InputError, match="task cannot be sent to workers: NotImplementedError"):
        OnRay(radin.Workers(count=1), task, pool, batchnorm="average", in_place=True, lost=print)


class OnlyHere:
    """A thing that only this process can unpickle."""

    def __reduce__(self):
        return unpickled_by, (os.getpid(),)


def unpickled_by(process):
    if os.getpid() != process:
        raise ModuleNotFoundError("No module named 'only_here'")
    return OnlyHere()


def test_a_worker_that_cannot_start_is_an_error_that_says_why(ray, tmp_path: Path) -> None:
    pool, part = radin.Pool(make_pool(tmp_path / "pool", 2)), OnlyHere()
    task = radin.Task(Network, clouds(60, 1), forward=lambda network, x: network(x) if part else x, device="cpu")
    with pytest.raises(radin.errors.TaskError, match=r"could not be started: .*No module named 'only_here'; each node"):
        OnRay(radin.Workers(count=1), task, pool, batchnorm="average", in_place=True, lost=print)
