"""What is promised to be the same is compared bit for bit."""

from __future__ import annotations

from benchmarks.faults import circumstances
from benchmarks.faults.lab import Lab


def test_a_run_in_another_folder_leaves_the_same(lab: Lab) -> None:
    (trial,) = circumstances.trials(lab, seed=0, numbers=range(1))
    assert (trial.case, trial.outcome, trial.faults) == ("in a new folder", "same all", ())


def test_a_run_on_another_format_finds_the_same_numbers_and_writes_the_same_soup(lab: Lab) -> None:
    (trial,) = circumstances.trials(lab, seed=0, numbers=range(28, 29))  # of networks with BatchNorm
    assert (trial.case, trial.what, trial.outcome) == ("checkpoints as .pt", "batchnorm", "same numbers")
    assert trial.faults == ()
