"""Runs on a real Ray of two workers: the same bytes as in one process, whatever dies on the way."""

import os
import socket
from pathlib import Path

import pytest
import torch
from helpers.ray_runs import B, outcome, soup_of
from helpers.small import Network, clouds, make_pool

import radin
from radin.evaluation.on_ray.executor import OnRay

pytest.importorskip("ray")


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
