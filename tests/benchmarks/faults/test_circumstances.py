"""What is promised to be the same is compared bit for bit."""

from __future__ import annotations

from benchmarks.faults import circumstances
from benchmarks.faults.lab import Lab


def test_a_run_in_another_folder_leaves_the_same(lab: Lab) -> None:
    (trial,) = circumstances.trials(lab, seed=0, numbers=range(1))
    assert (trial.case, trial.outcome, trial.faults) == ("in a new folder", "same all", ())
