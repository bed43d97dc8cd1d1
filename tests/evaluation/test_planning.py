"""A plan states what a run will cost, and spends nothing."""

import os
from pathlib import Path

import numpy as np
import pytest
from helpers.small import HELD, SAMPLES, SELECTING, clouds, task

import radin
from radin.errors import InputError, RunDirError


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def test_the_plan_comes_true(pool: radin.Pool, tmp_path: Path) -> None:
    one = task(test=clouds(40, 3))
    planned = radin.plan(pool, one, budget=radin.Budget(soups=2), run_dir=tmp_path / "run", baselines=())
    assert planned.seconds > 0
    assert str(planned).startswith("ingredients ") and repr(planned).startswith("Plan(5 passes of ingredients, ")
    assert not (tmp_path / "run").exists()
    assert (planned.passes, planned.soups, planned.samples, planned.test_passes) == (5, 2, SAMPLES, 2)
    radin.make_soup(pool, one, budget=radin.Budget(soups=2), run_dir=tmp_path / "run", baselines=())
    files = [file for file in (tmp_path / "run").glob("*/*.npy") if file.stem != "labels"]
    written = sum(np.load(file).nbytes for file in files) + pool.nbytes
    assert planned.disk_bytes == written
    before = (tmp_path / "run" / "ledger.db").read_bytes()
    assert radin.plan(pool, one, budget=radin.Budget(soups=2), run_dir=tmp_path / "run").passes == 0
    with pytest.raises(RunDirError, match="made with other inputs: the data differs"):
        radin.plan(pool, task(samples=200), budget=radin.Budget(soups=2), run_dir=tmp_path / "run")
    assert (tmp_path / "run" / "ledger.db").read_bytes() == before


def test_a_plan_counts_baselines_and_what_is_run_after_the_choice(pool: radin.Pool, tmp_path: Path) -> None:
    planned = radin.plan(pool, task(), run_dir=tmp_path / "run")
    assert (planned.samples, planned.held_back, planned.baselines, planned.tested) == (SELECTING, HELD, 1, 3)
    rows = (5 + 4 + 1) * SELECTING + 3 * HELD
    rest = pool.nbytes + 5**2 * 3 * 8
    assert planned.disk_bytes - rest == rows * planned.classes * 4
    planned = radin.plan(pool, task(), run_dir=tmp_path / "run", baselines=("uniform", "greedy", "last-k"))
    assert (planned.baselines, planned.tested) == (1 + 4 + 4, 5)
    assert radin.plan(pool, task(test=clouds(9, 3)), run_dir=tmp_path / "run").held_back == 0


def test_a_plan_says_what_workers_would_take_without_starting_any(pool: radin.Pool, tmp_path: Path) -> None:
    cores = os.cpu_count() or 1
    planned = radin.plan(pool, task(), run_dir=tmp_path / "run", workers=radin.Workers(count=8, address="auto"))
    assert planned.workers == 8
    assert planned.seconds_workers is not None and planned.seconds_workers > 0
    rows = (5 + 4 + 1) * SELECTING + 3 * HELD
    alone = radin.plan(pool, task(), run_dir=tmp_path / "run")
    assert (alone.workers, alone.seconds_workers) == (0, None)
    averaged = (4 + 1) * 5 / 2 * alone.seconds_fill
    assert alone.seconds == pytest.approx(5 * alone.seconds_fill + averaged + rows * alone.seconds_per_sample)
    here = radin.plan(pool, task(), run_dir=tmp_path / "run", workers="auto")
    assert here.workers == cores
    with pytest.raises(InputError, match="which a plan does not connect to"):
        radin.plan(pool, task(), run_dir=tmp_path / "run", workers=radin.Workers(address="auto"))
