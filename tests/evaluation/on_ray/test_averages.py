"""Averages that workers of one node share: the bits of a network that averaged by itself, written once."""

import os
import time
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import make_pool, task

import radin
from radin.evaluation.executor import Pass
from radin.evaluation.on_ray import averages as module
from radin.evaluation.on_ray.averages import ABANDONED, KEPT, PREFIX, Averages, remove_abandoned, remove_shared
from radin.evaluation.on_ray.worker import Worker
from radin.recipe import Recipe


@pytest.fixture(scope="module", params=[False, True], ids=["plain", "batchnorm"])
def pool(request, tmp_path_factory) -> radin.Pool:
    return radin.Pool(make_pool(tmp_path_factory.mktemp("pool"), 3, batchnorm=request.param))


@pytest.fixture
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The place of shared files, empty."""
    monkeypatch.setattr(module, "MEMORY", tmp_path / "nowhere")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def files(place: Path) -> list[Path]:
    return sorted(place.glob(f"{PREFIX}*/*.safetensors"))


def shared(pool: radin.Pool, place: Path) -> closing[Averages]:
    return closing(Averages(pool, "average", "run", place))


@pytest.mark.parametrize("in_place", [True, False])
def test_workers_that_share_give_the_bits_of_one_that_does_not(pool: radin.Pool, memory: Path, in_place: bool) -> None:
    batchnorm = any(name.endswith("running_mean") for name in pool.tensors)
    how = {"in_place": in_place, "threads": torch.get_num_threads()}
    alone, one, other = (
        Worker(task(samples=40, batchnorm=batchnorm), pool, "recompute", **how, shared=shared)
        for shared in ("", "run", "run")
    )
    for number, weights in enumerate([(0.5, 0.5, 0.0), (0.2, 0.3, 0.5)]):
        work = Pass(Recipe(pool.names, weights), str(weights), "a recipe", "soup")
        _, statistics = one.statistics(work, 8)
        with_statistics = Pass(work.recipe, work.key, "a recipe", "soup", statistics=statistics)
        _, expected = alone.logits(with_statistics, 8)
        for worker in (one, other):
            error, logits = worker.logits(with_statistics, 8)
            assert error is None
            np.testing.assert_array_equal(logits, expected)
        assert len(files(memory)) == number + 1
    for worker in (one, other):
        worker.leave()
    assert not list(memory.glob(f"{PREFIX}*"))


def test_what_one_worker_wrote_is_not_averaged_again(pool: radin.Pool, tmp_path: Path, monkeypatch) -> None:
    recipe, written = Recipe.subset(pool.names, [0, 2]), list[Path]()
    average = module.average
    monkeypatch.setattr(module, "average", lambda *args, **how: written.append(args[2]) or average(*args, **how))
    with shared(pool, tmp_path) as first, shared(pool, tmp_path) as second:
        assert first.of(recipe)[0].paths == second.of(recipe)[0].paths
        assert len(written) == 1
        assert first.of(Recipe.subset(pool.names, [1])) == (pool, Recipe.subset(pool.names, [1]))  # nothing to average


def test_only_the_newest_soups_stay(pool: radin.Pool, tmp_path: Path) -> None:
    with shared(pool, tmp_path) as averages:
        for share in np.linspace(0.1, 0.9, KEPT + 2).tolist():
            made, recipe = averages.of(Recipe(pool.names, (share, 1 - share, 0.0)))
            assert len(made) == 1 and recipe.size == 1
    assert len(files(tmp_path)) == KEPT


@pytest.mark.parametrize("in_place", [True, False])
def test_a_soup_that_another_worker_removes_is_averaged_anew(
    pool: radin.Pool, memory: Path, monkeypatch: pytest.MonkeyPatch, in_place: bool
) -> None:
    batchnorm = any(name.endswith("running_mean") for name in pool.tensors)
    how = {"in_place": in_place, "threads": torch.get_num_threads()}
    work = Pass(Recipe(pool.names, (0.2, 0.3, 0.5)), "key", "a recipe", "soup")
    alone = Worker(task(samples=40, batchnorm=batchnorm), pool, "average", **how)
    of = Averages.of

    def removed(self: Averages, recipe: Recipe) -> tuple[radin.Pool, Recipe]:
        found = of(self, recipe)
        for file in files(memory):
            file.unlink()
        return found

    monkeypatch.setattr(Averages, "of", removed)
    one = Worker(task(samples=40, batchnorm=batchnorm), pool, "average", **how, shared="run")
    error, logits = one.logits(work, 8)
    assert error is None
    np.testing.assert_array_equal(logits, alone.logits(work, 8)[1])
    one.leave()


def test_a_soup_that_cannot_be_written_is_averaged_by_each(pool: radin.Pool, tmp_path: Path, monkeypatch) -> None:
    def full(*args, **how):
        raise radin.errors.StorageError(28, "the disk is full")

    monkeypatch.setattr(module, "average", full)
    recipe = Recipe.subset(pool.names, [0, 2])
    with shared(pool, tmp_path) as averages:
        assert averages.of(recipe) == (pool, recipe)


@pytest.mark.parametrize("age", [0.0, 2 * ABANDONED])
@pytest.mark.parametrize("used", [False, True])
def test_folders_of_killed_runs_are_removed(pool: radin.Pool, tmp_path: Path, age: float, used: bool) -> None:
    with shared(pool, tmp_path) as averages:
        averages.of(Recipe.subset(pool.names, [0, 1]))
        os.utime(averages.folder, (time.time() - age,) * 2)
        if not used:
            averages.close()  # as the system does for a killed process
        remove_abandoned(tmp_path)
        assert bool(files(tmp_path)) == (used or not age)


def test_what_workers_shared_is_removed_though_they_were_ended(pool: radin.Pool, memory: Path) -> None:
    with shared(pool, memory) as averages:
        averages.of(Recipe.subset(pool.names, [0, 1]))
        remove_shared("another run")
        assert averages.folder.exists()
        remove_shared("run")
        assert not averages.folder.exists()
