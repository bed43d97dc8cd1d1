"""The bill of a run counts what its ledger holds, each evaluation under its kind."""

from pathlib import Path

import pytest
from helpers.small import SAMPLES, task

import radin


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
