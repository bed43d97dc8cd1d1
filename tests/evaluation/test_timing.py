"""The time of a run follows from its work and from the seconds of one batch."""

import os

import pytest
import torch
from helpers.small import task

import radin
from radin.evaluation.timing import Timed, Work, peak_memory, side_by_side

TIMED = Timed(fill=2.0, per_sample=0.5, classes=3)


def test_passes_are_shared_among_workers_and_soups_are_not() -> None:
    work = Work(fillings=4.0, averaged=3.0, rows=10, statistics=6)
    assert work.seconds(TIMED) == 4 * 2 + 10 * 0.5 + 3 * 2 + 6 * 0.5
    assert work.seconds(TIMED, workers=2.0) == (4 * 2 + 10 * 0.5) / 2 + 3 * 2 + 6 * 0.5


def test_workers_on_one_machine_are_no_more_than_its_cores() -> None:
    cores = float(os.cpu_count() or 1)
    assert side_by_side(radin.Workers(count=999), 999, task()) == pytest.approx(cores)
    assert side_by_side(radin.Workers(count=999, address="auto"), 999, task()) == 999.0
    assert side_by_side(radin.Workers(count=1), 1, task()) == 1.0


def test_this_process_holds_memory() -> None:
    assert peak_memory(torch.device("cpu")) > 10_000_000
