"""Baselines: soups of the whole pool, charged apart, run once, and no reason to stop."""

from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.small import make_pool, task
from helpers.unequal import SAMPLES, make_unequal_pool

import radin
from radin.evaluation.baselines import WholePool, foreseen, run_baseline

RULE = radin.RaceSettings(stages=(0.1, 0.3), first_rows=60, z=3.0)


@pytest.fixture(scope="module")
def unequal(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Six checkpoints, of which a race drops run1 and run4."""
    return make_unequal_pool(tmp_path_factory.mktemp("unequal"))


def test_soups_that_a_baseline_will_run_are_foreseen() -> None:
    names = ("a", "b", "c", "d")
    assert [one.member_names for one in foreseen(["uniform"], names, names)] == [names]
    last = [one.member_names for one in foreseen(["last-k", "uniform", "greedy"], names, names)]
    assert last == [("c", "d"), ("b", "c", "d"), names]
    dropped = foreseen(["last-k", "uniform"], names, ("a", "c", "d"))
    assert [(one.names, one.member_names) for one in dropped] == [(("a", "c", "d"), ("c", "d"))]
    assert foreseen(["greedy"], names, names) == []
    assert foreseen(["uniform"], ("a",), ("a",)) == []


def test_the_uniform_soup_is_of_all_also_after_a_race(unequal: list[Path], tmp_path: Path) -> None:
    pool, one = radin.Pool(unequal), task(SAMPLES)
    with radin.Verifier(pool, one, tmp_path / "run", race=RULE) as verifier:
        found = run_baseline("uniform", verifier)
        assert (found.recipe.names, found.recipe.size, found.soups, found.failure) == (pool.names, 6, 1, "")
        assert verifier.ledger.count("baseline") == 1
        assert verifier.ledger.count("soup") == 0
        score = WholePool(verifier)(found.recipe.row[None])[0]
        assert (verifier.ledger.count("baseline"), verifier.ledger.count("pass")) == (1, 4)
    with radin.Verifier(pool, one, tmp_path / "full") as full:
        assert full.score(radin.Recipe.uniform(pool.names)) == score


def test_greedy_charges_what_it_needs_also_passes_that_a_race_saved(unequal: list[Path], tmp_path: Path) -> None:
    pool, one = radin.Pool(unequal), task(SAMPLES)
    with radin.Verifier(pool, one, tmp_path / "run", race=RULE) as verifier:
        found = run_baseline("greedy", verifier)
        assert found.soups == 5
        assert (verifier.ledger.count("pass"), verifier.ledger.count("baseline")) == (4, 2 + 5)
        assert run_baseline("greedy", verifier) == found
        assert verifier.ledger.count("baseline") == 7
        assert set(found.recipe.member_names) <= set(verifier.names)
        assert found.recipe.names == verifier.names
    with radin.Verifier(pool, one, tmp_path / "full") as full:
        greedy = radin.search("greedy", full, radin.Budget(soups=None), top=1)
        expected = greedy[0].recipe if greedy[0].score > full.solo.max() else full.solo.argmax()
        assert found.recipe.to_json() == expected.to_json()
        assert full.ledger.count("soup") == 5
        assert run_baseline("greedy", full).recipe.to_json() == found.recipe.to_json()
        assert full.ledger.count("baseline") == 0  # all of its soups were there


def test_last_k_ends_at_the_last_ingredient_where_no_soup_is_better(unequal: list[Path], tmp_path: Path) -> None:
    hopeless, sound = [unequal[1], unequal[4]], unequal[0]
    with radin.Verifier(radin.Pool([*hopeless, sound]), task(SAMPLES), tmp_path / "run") as verifier:
        found = run_baseline("last-k", verifier)
        assert (found.recipe.member_names, found.soups) == (("run0",), 2)
        assert verifier.ledger.count("baseline") == 2


def test_a_soup_that_is_not_finite_is_remembered_and_charged_once(tmp_path: Path) -> None:
    def forward(network: torch.nn.Module, x: torch.Tensor) -> torch.Tensor:
        calls.append(len(x))
        spoilt = np.nan if float(network.layers[0].bias.detach().mean()) in averages else 1.0
        return network(x) * spoilt

    calls: list[int] = []
    averages: set[float] = set()
    paths = make_pool(tmp_path / "pool", 3)
    pool, one = radin.Pool(paths), task(forward=forward, source="code")
    with radin.Verifier(pool, one, tmp_path / "run") as verifier:
        network = verifier.network(radin.Recipe.uniform(pool.names))
        averages.add(float(network.layers[0].bias.detach().mean()))
        found = run_baseline("uniform", verifier)
        assert found.failure.startswith("the soup run0 + run1 + run2: its logits for sample")
        assert "leave out the ingredient that its weights do not average with" in found.failure
        assert verifier.ledger.count("baseline") == 1
        assert verifier.ledger.count("baseline", "lost") == 0
    before = len(calls)
    with radin.Verifier(pool, one, tmp_path / "run") as verifier:
        opened = len(calls)
        assert run_baseline("uniform", verifier) == found
        assert len(calls) == opened > before  # the first batch of one ingredient is compared
        assert run_baseline("greedy", verifier).failure == ""
