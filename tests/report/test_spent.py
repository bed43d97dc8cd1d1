"""What a run has spent: rows of each kind, also where data are read as they come."""

from pathlib import Path

import pytest
from helpers.small import SAMPLES, task
from torch.utils.data import DataLoader, TensorDataset, default_collate

import radin


def test_data_that_cannot_be_chosen_from_are_run_in_full_and_the_rows_held_back_are_kept(
    checkpoints: list[Path], tmp_path: Path
) -> None:
    plain = task(split_seed=1)
    loader = DataLoader(TensorDataset(*plain.data), batch_size=64, collate_fn=lambda batch: default_collate(batch))
    loaded = radin.Task(plain.build_model, loader, source="loader", split_seed=1)
    selecting, held = map(len, loaded.split)
    pool, budget = radin.Pool(checkpoints), radin.Budget(soups=2)
    result = radin.make_soup(pool, loaded, budget=budget, run_dir=tmp_path / "run")
    networks = 5 + 2 + 1
    assert (result.spent.passes, result.spent.soups, result.spent.baselines) == (5, 2, 1)
    assert result.spent.passes_worth == 5
    assert (result.spent.held_back, result.spent.held_back_rows) == (networks, networks * held)
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        assert ledger.rows("pass") == 5 * selecting
    again = radin.make_soup(pool, loaded, budget=budget, run_dir=tmp_path / "run")
    assert again.spent == result.spent
    chosen = radin.make_soup(pool, plain, budget=budget, run_dir=tmp_path / "chosen")
    assert chosen.best.recipe == result.best.recipe
    assert chosen.report.winner.value == result.report.winner.value


def test_every_evaluation_of_a_run_is_on_its_bill(checkpoints: list[Path], tmp_path: Path) -> None:
    ledger = radin.Ledger(tmp_path / "run" / "ledger.db")
    with pytest.raises(RuntimeError), ledger, ledger.charge("pass", "cut short", "run0", rows=1):
        raise RuntimeError("stop")
    budget = radin.Budget(soups=2, candidates=20)
    result = radin.make_soup(radin.Pool(checkpoints), task(), budget=budget, run_dir=tmp_path / "run")
    spent, held_back = result.spent, SAMPLES // 5
    assert (spent.passes, spent.passes_worth, spent.soups, spent.lost) == (5, 5.0, 2, 1)
    assert spent.candidates <= 20
    assert (spent.test_passes, spent.statistics, spent.controls) == (0, 0, 0)
    assert spent.held_back_rows == spent.held_back * held_back > 0
    assert min(spent.seconds_passes, spent.seconds_search, spent.seconds_soups) > 0


def test_the_same_call_again_spends_nothing_more(checkpoints: list[Path], tmp_path: Path) -> None:
    def bill() -> tuple[int, ...]:
        spent = radin.make_soup(radin.Pool(checkpoints), task(), run_dir=tmp_path / "run").spent
        return spent.passes, spent.soups, spent.candidates, spent.held_back_rows, spent.baselines, spent.lost

    assert bill() == bill()
