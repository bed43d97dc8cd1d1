"""A worker, called as Ray calls it: results, and errors in a form that can be sent."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import CLASSES, Network, make_pool, task

import radin
from radin.evaluation.executor import Pass
from radin.evaluation.on_ray.worker import Worker
from radin.recipe import Recipe


@pytest.fixture(scope="module")
def pool(tmp_path_factory) -> radin.Pool:
    return radin.Pool(make_pool(tmp_path_factory.mktemp("pool"), 3))


def work(pool: radin.Pool, weights: tuple[float, ...], only: list[int] | None = None) -> Pass:
    places = None if only is None else np.array(only)
    return Pass(Recipe(pool.names, weights), str(weights), "a recipe", "soup", only=places)


def worker(pool: radin.Pool, **settings) -> Worker:
    return Worker(task(samples=40, **settings), pool, "average", in_place=True, threads=torch.get_num_threads())


def test_rows_of_a_soup_are_those_of_the_averaged_network(pool: radin.Pool) -> None:
    error, logits = worker(pool).logits(work(pool, (0.5, 0.5, 0.0), [4, 5, 30]), 8)
    states = [pool.state_dict(i) for i in range(2)]
    network = Network().eval()
    network.load_state_dict({name: (states[0][name] + states[1][name]) / 2 for name in states[0]})
    points, _ = task(samples=40).data
    assert error is None
    assert logits.shape == (3, CLASSES)
    np.testing.assert_allclose(logits, network(points[[4, 5, 30]]).detach(), rtol=1e-5, atol=1e-6)


def test_an_error_of_the_task_comes_back_as_it_is(pool: radin.Pool) -> None:
    def forward(network, x):
        raise radin.errors.TaskError("too long a text").mended_by(limit=5)

    error, value = worker(pool, forward=forward).logits(work(pool, (1.0, 0.0, 0.0)), 8)
    assert value is None
    sent = pickle.loads(pickle.dumps(error))
    assert (type(sent), str(sent), sent.mend) == (radin.errors.TaskError, str(error), {"limit": 5})


def test_memory_that_runs_out_is_told_from_other_errors(pool: radin.Pool) -> None:
    def forward(network, x):
        raise RuntimeError("CUDA driver error: out of memory")

    error, _ = worker(pool, forward=forward).logits(work(pool, (1.0, 0.0, 0.0)), 8)
    assert isinstance(error, torch.OutOfMemoryError)


def test_after_an_error_the_next_job_has_its_own_network(pool: radin.Pool) -> None:
    calls = []

    def forward(network, x):
        calls.append(len(x))
        if len(calls) == 1:
            raise ValueError("once")
        return network(x)

    one, other = work(pool, (1.0, 0.0, 0.0)), work(pool, (0.0, 1.0, 0.0))
    crew = worker(pool, forward=forward)
    assert isinstance(crew.logits(one, 40)[0], radin.errors.TaskError)
    _, logits = crew.logits(other, 40)
    _, expected = worker(pool).logits(other, 40)
    np.testing.assert_array_equal(logits, expected)


def test_a_worker_names_the_files_that_it_cannot_read(tmp_path: Path) -> None:
    paths = make_pool(tmp_path, 2)
    pool = radin.Pool(paths)
    paths[0].unlink()
    about = worker(pool).about()
    assert about.unseen == (str(paths[0]),)
    assert about.kind == "cpu"
