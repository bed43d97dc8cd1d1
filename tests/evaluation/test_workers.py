"""Settings of workers: what a user may say, and how many processes that is."""

import os

import pytest

import radin


@pytest.mark.parametrize(("given", "count"), [(3, 3), ("3", 3), ("auto", "auto")])
def test_a_number_or_auto_are_settings(given, count) -> None:
    assert radin.Workers.of(given) == radin.Workers(count=count)


def test_none_is_no_workers_and_settings_stay_as_they_are() -> None:
    settings = radin.Workers(count=2, threads=4)
    assert radin.Workers.of(None) is None
    assert radin.Workers.of(settings) is settings


@pytest.mark.parametrize("given", [0, -1, True, 1.5, "many", ""])
def test_anything_else_is_refused_with_what_came(given) -> None:
    with pytest.raises(radin.errors.InputError, match="workers"):
        radin.Workers.of(given)


@pytest.mark.parametrize("setting", [{"threads": 0}, {"gpus": 0.0}, {"at_once": 0}])
def test_shares_that_are_none_are_refused(setting) -> None:
    with pytest.raises(radin.errors.InputError, match=next(iter(setting))):
        radin.Workers(**setting)


@pytest.mark.parametrize(
    ("settings", "on_gpus", "number"),
    [
        ({}, True, 8),  # one a GPU
        ({"gpus": 0.5}, True, 16),  # two on each
        ({}, False, 32),  # one a core
        ({"count": 3}, True, 3),
    ],
)
def test_auto_fills_the_cluster(settings, on_gpus, number) -> None:
    assert radin.Workers(**settings).number(gpus=8.0, cpus=32.0, on_gpus=on_gpus) == number


def test_a_cluster_without_gpus_has_one_worker_at_least() -> None:
    assert radin.Workers().number(gpus=0.0, cpus=2.0, on_gpus=True) == 1


def test_a_plan_counts_the_devices_of_this_machine_and_no_cluster_s() -> None:
    assert radin.Workers(count=3, address="auto").foreseen(on_gpus=True) == 3
    assert radin.Workers().foreseen(on_gpus=False) == os.cpu_count()
    with pytest.raises(radin.errors.InputError, match="cluster at 'auto'"):
        radin.Workers(address="auto").foreseen(on_gpus=False)
