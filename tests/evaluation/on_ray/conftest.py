"""A Ray of two workers on this machine, and one thread in each process, so that bytes can be compared."""

import gc
import warnings
from contextlib import ExitStack

import pytest
import torch

import radin
from radin.evaluation.on_ray.cluster import connected


@pytest.fixture(scope="session")
def ray():
    """A Ray on this machine that all tests share."""
    running = ExitStack()
    yield running.enter_context(connected(radin.Workers(count=2)))
    with warnings.catch_warnings():  # Ray lets go of its own processes without waiting for them
        warnings.simplefilter("ignore", ResourceWarning)
        running.close()
        gc.collect()


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
