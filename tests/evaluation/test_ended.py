"""A plan knows which runs have ended in a folder, and trusts no folder from which something is gone."""

from pathlib import Path

import pytest
from helpers.small import clouds, task

import radin

BUDGET = radin.Budget(soups=2)


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def test_what_is_left_of_a_run(pool: radin.Pool, checkpoints: list[Path], tmp_path: Path) -> None:
    run = tmp_path / "run"
    radin.make_soup(pool, task(), budget=BUDGET, run_dir=run, progress=False)
    planned = radin.plan(pool, task(), budget=BUDGET, run_dir=run)
    assert planned.is_done
    assert (planned.soups, planned.baselines, planned.held_back, planned.most_passes) == (0, 0, 0, 0.0)
    left = radin.plan(pool, task(), budget=radin.Budget(soups=5), run_dir=run)
    assert (left.is_done, left.soups, left.baselines) == (False, 3, 0)
    assert radin.plan(pool, task(), budget=radin.Budget(soups=1), run_dir=run).soups == 1, "nothing is learnt from one"
    for other in ({"seed": 1}, {"criterion": "metric"}, {"searcher": "greedy"}, {"lam": 1.0}, {"baselines": ()}):
        planned = radin.plan(pool, task(), budget=BUDGET, run_dir=run, **other)
        assert (planned.is_done, planned.soups) == (False, 2), other
    assert not radin.plan(pool, task(metric="macro-f1"), budget=BUDGET, run_dir=run).is_done, "another metric chooses"
    assert not radin.plan(radin.Pool(checkpoints[:4]), task(), budget=BUDGET, run_dir=run).is_done
    assert not radin.plan(pool, task(test=clouds(9, 3)), budget=BUDGET, run_dir=run).is_done, "another split selects"
    for file in (run / "soups").glob("*.npy"):
        file.unlink()
    planned = radin.plan(pool, task(), budget=BUDGET, run_dir=run)
    assert (planned.is_done, planned.soups, planned.baselines) == (False, 2, 1)


def test_runs_with_other_settings_do_not_forget_each_other(pool: radin.Pool, tmp_path: Path) -> None:
    for seed in (0, 1):
        radin.make_soup(pool, task(), budget=BUDGET, seed=seed, run_dir=tmp_path / "run", progress=False)
    for seed in (0, 1):
        assert radin.plan(pool, task(), budget=BUDGET, seed=seed, run_dir=tmp_path / "run").is_done


def test_a_run_of_fewer_soups_does_not_forget_one_of_more(pool: radin.Pool, tmp_path: Path) -> None:
    for soups in (3, 2):
        radin.make_soup(pool, task(), budget=radin.Budget(soups=soups), run_dir=tmp_path / "run", progress=False)
    assert radin.plan(pool, task(), budget=radin.Budget(soups=3), run_dir=tmp_path / "run").is_done


def test_an_ingredient_that_is_gone_has_to_run_again(pool: radin.Pool, tmp_path: Path) -> None:
    radin.make_soup(pool, task(), budget=BUDGET, run_dir=tmp_path / "run", progress=False)
    next(file for file in (tmp_path / "run" / "logits").glob("run*.npy")).unlink()
    planned = radin.plan(pool, task(), budget=BUDGET, run_dir=tmp_path / "run")
    assert (planned.is_done, planned.passes, planned.soups) == (False, 1, 2)
