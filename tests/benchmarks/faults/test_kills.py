"""Runs that are killed end as if nothing had happened, and what would not be noticed otherwise is."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from benchmarks.faults import kills
from benchmarks.faults.lab import Lab, Taken, without_costs
from benchmarks.faults.nursery import Ended, Stop

#: Two trials of the plain command, with two signals each.
NUMBERS = range(15, 17)

TAKEN = Taken(
    said={"best": 1}, files={"a.npy": "1"}, done=[("soup", "k", 9)], lost=0, running=0, batches=Counter(one=5, two=5)
)


def test_a_few_runs_of_the_benchmark(lab: Lab) -> None:
    trials = list(kills.trials(lab, seed=0, numbers=NUMBERS))
    assert [trial.number for trial in trials] == [*NUMBERS]
    assert [trial for trial in trials if trial.faults or trial.outcome != "same result"] == []


def test_files_that_differ_are_named() -> None:
    now = replace(TAKEN, files={"a.npy": "2", "b.npy": "1"})
    assert kills.faults_of_files(now, TAKEN) == ["left behind: b.npy", "other contents: a.npy"]
    assert kills.faults_of_files(replace(TAKEN, files={}), TAKEN) == ["missing: a.npy"]


def test_networks_and_batches_that_an_undisturbed_run_never_sees_are_counted() -> None:
    faults = kills.faults_of_batches(replace(TAKEN, batches=TAKEN.batches + Counter(three=5)), TAKEN, 0, 0)
    assert faults[0].startswith("1 networks were run")
    often = replace(TAKEN, batches=TAKEN.batches + Counter(one=40))
    assert kills.faults_of_batches(often, TAKEN, kills=1, restarts=1) != []
    assert kills.faults_of_batches(often, TAKEN, kills=8, restarts=8) == []


def test_an_interruption_may_leave_no_traceback() -> None:
    stop = Stop("SIGINT", after=1.0)
    assert kills.faults_of_end(stop, Ended(130, 1.0, "", "Interrupted.")) == []
    assert kills.faults_of_end(stop, Ended(0, 1.0, "{}", "")) == []
    assert kills.faults_of_end(stop, Ended(130, 1.0, "", "Traceback (most recent call last):\nX")) != []
    assert kills.faults_of_end(stop, Ended(1, 1.0, "", "")) != []


def test_costs_are_no_part_of_a_result() -> None:
    said = {"spent": {"lost": 3, "soups": 2, "seconds_search": 0.1}, "list": [{"seconds": 1, "score": 0.5}]}
    assert without_costs(said) == {"spent": {"soups": 2}, "list": [{"score": 0.5}]}
