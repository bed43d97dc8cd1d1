"""The time and the memory of a run, foreseen from one batch that is timed."""

from __future__ import annotations

import os
from dataclasses import dataclass

import numpy as np
import torch

from radin.evaluation.evaluator import Evaluator
from radin.evaluation.workers import Workers
from radin.tasks.device import clock
from radin.tasks.task import Task


@dataclass(frozen=True)
class Timed:
    """Seconds to fill and prepare the network and for a sample, and the classes of its outputs."""

    fill: float
    per_sample: float
    classes: int


@dataclass(frozen=True)
class Work:
    """Work of a run.

    Attributes:
        fillings: of the network with an ingredient, each on one worker.
        averaged: ingredients that soups read, one soup after the other.
        rows: samples of all passes, which workers share.
        statistics: samples for BatchNorm statistics, on one worker.
    """

    fillings: float
    averaged: float
    rows: int
    statistics: int

    def seconds(self, timed: Timed, workers: float = 1.0) -> float:
        """Time that this takes on some workers."""
        shared = self.fillings * timed.fill + self.rows * timed.per_sample
        return shared / workers + self.averaged * timed.fill + self.statistics * timed.per_sample


def side_by_side(crew: Workers, number: int, task: Task) -> float:
    """Workers that run at once: on this machine's CPUs no more than its cores allow."""
    if crew.address is not None or task.torch_device.type != "cpu":
        return float(number)
    return min(float(number), max(1.0, (os.cpu_count() or 1) / crew.threads))


def timed_as_worker(evaluator: Evaluator, crew: Workers, timed: Timed) -> Timed:
    """The times with as many threads as a worker has."""
    before = torch.get_num_threads()
    if evaluator.task.torch_device.type != "cpu" or before == crew.threads:
        return timed
    torch.set_num_threads(crew.threads)
    try:
        return timed_batch(evaluator)
    finally:
        torch.set_num_threads(before)


def timed_batch(evaluator: Evaluator) -> Timed:
    """The times of one ingredient; what comes first warms up."""
    single, device = evaluator.singles()[0], evaluator.task.torch_device
    network = evaluator.fill(single)
    evaluator.first_batch()
    begun = clock(device)
    evaluator.fill(single)
    filled = clock(device)
    evaluator.task.prepare_network(network)
    prepared = clock(device)
    logits = evaluator.first_batch()  # prepares the network once more
    batch = max(clock(device) - prepared - (prepared - filled), 0.0)
    return Timed(prepared - begun, batch / len(logits), int(np.prod(logits.shape[1:])))


def peak_memory(device: torch.device) -> int:
    """Most bytes that were held so far: on a GPU of its memory, else of this process."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    try:
        import resource
    except ImportError:  # not on Windows
        return 0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
