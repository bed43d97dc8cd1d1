"""Replicates and trials."""

import pytest
from helpers.tiny_zoo import TinyZoo

import radin
from benchmarks.comparison.store import Store
from benchmarks.comparison.trial import Replicate, Trial, overlap


@pytest.fixture(scope="module")
def zoo(tmp_path_factory: pytest.TempPathFactory) -> TinyZoo:
    return TinyZoo(tmp_path_factory.mktemp("zoo"))


def test_chance_comes_from_the_replicate_alone(zoo: TinyZoo) -> None:
    assert Replicate(3).members(40) == Replicate(3).members(40) != Replicate(4).members(40)
    assert set(Replicate(3, part=0.25).members(40)) < set(Replicate(3, part=0.5).members(40))
    assert len(Replicate(0).members(40)) == 30
    assert len(Replicate(0).members(5)) == 4
    with Store(zoo) as store:
        trial = Trial(store, Replicate(2))
        assert len(trial.selecting) + len(trial.reporting) == 240 + 60
        assert not set(trial.selecting) & set(trial.reporting)


def test_overlap_is_shared_members_of_all_members() -> None:
    names = ("a", "b", "c")
    one, two = radin.Recipe.subset(names, [0, 1]), radin.Recipe.subset(names, [1, 2])
    assert overlap([one, two]) == pytest.approx(1 / 3)
    assert overlap([one, two, one]) == pytest.approx((1 / 3 + 1 / 3 + 1) / 3)
    assert overlap([one]) is None
