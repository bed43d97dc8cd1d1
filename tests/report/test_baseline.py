"""Baselines in a result: shown with their scores, competing, outside B."""

import json
from pathlib import Path

import pytest
from helpers.small import clouds, make_pool, task
from helpers.unequal import SAMPLES, make_unequal_pool

import radin
from radin.errors import InputError
from radin.report.baseline import Baseline

RULE = radin.RaceSettings(stages=(0.1, 0.3), first_rows=60, z=3.0)


@pytest.fixture
def pool(checkpoints: list[Path]) -> radin.Pool:
    return radin.Pool(checkpoints)


def test_the_uniform_soup_stands_beside_the_winner_outside_b(pool: radin.Pool, tmp_path: Path) -> None:
    result = radin.make_soup(pool, task(), budget=radin.Budget(soups=2), run_dir=tmp_path / "run")
    (uniform,) = result.baselines
    assert (uniform.name, uniform.soups, uniform.failure) == ("uniform", 1, "")
    assert uniform.soup is not None and uniform.soup in result.leaderboard
    assert uniform.soup not in result.verified
    assert (result.spent.soups, result.spent.baselines) == (2, 1)
    assert set(uniform.tests) == {"held-back"}
    with radin.Verifier(pool, task(), tmp_path / "run") as verifier:
        everything = radin.Recipe.uniform(pool.names)
        assert uniform.value == verifier.score(everything)
        _, labels, logits = verifier.unseen_logits(everything)
        assert uniform.tests["held-back"].value == task().scored_by.value(logits, labels)
        assert verifier.ledger.count("soup") == 2
    written = json.loads((tmp_path / "run" / "leaderboard.json").read_text())
    assert written["baselines"] == json.loads(json.dumps([uniform.to_json()]))
    again = radin.make_soup(pool, task(), budget=radin.Budget(soups=2), run_dir=tmp_path / "run")
    assert again.spent == result.spent
    assert again.baselines == result.baselines


def test_b_goes_to_the_next_recipe_where_a_baseline_is_shortlisted(tmp_path: Path) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 3))
    how = {"searcher": "exhaustive", "budget": radin.Budget(soups=4), "calibrate": False}
    result = radin.make_soup(pool, task(), run_dir=tmp_path / "run", **how)
    assert sorted(soup.recipe.size for soup in result.verified) == [2, 2, 2]
    assert (result.spent.soups, result.spent.baselines) == (3, 1)
    assert not [text for text in result.warnings if text.startswith("Only ")]
    bare = radin.make_soup(pool, task(), run_dir=tmp_path / "bare", baselines=(), **how)
    assert len(bare.verified) == 4
    assert {one.recipe: one.score for one in bare.leaderboard} == {one.recipe: one.score for one in result.leaderboard}
    assert bare.baselines == []
    assert bare.spent.baselines == 0


def test_soups_that_a_baseline_runs_on_its_way_compete_where_b_would_have_been_spent_on_them(tmp_path: Path) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 4))
    how = {"searcher": "exhaustive", "budget": radin.Budget(soups=3), "calibrate": False}
    bare = radin.make_soup(pool, task(), run_dir=tmp_path / "bare", baselines=(), **how)
    beside = radin.make_soup(pool, task(), run_dir=tmp_path / "run", baselines=("last-k",), **how)
    scores = {one.recipe: one.score for one in beside.leaderboard}
    assert {one.recipe: one.score for one in bare.leaderboard}.items() <= scores.items()
    last = {one for one in scores if one.members == tuple(range(4 - one.size, 4)) and one.size > 1}
    assert last & {one.recipe for one in bare.verified} and not last & {one.recipe for one in beside.verified}
    assert (beside.spent.soups, beside.spent.baselines) == (3, 3)


def test_two_ingredients_have_one_soup_which_is_the_baseline(tmp_path: Path) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 2))
    result = radin.make_soup(pool, task(), run_dir=tmp_path / "run")
    assert result.verified == []
    assert len(result.leaderboard) == 3
    assert (result.spent.soups, result.spent.baselines) == (0, 1)
    assert "No soup was verified" not in result.verdict


def test_after_a_race_the_uniform_soup_of_all_competes_and_has_no_ensemble(tmp_path: Path) -> None:
    pool = radin.Pool(make_unequal_pool(tmp_path / "pool"))
    result = radin.make_soup(pool, task(SAMPLES), run_dir=tmp_path / "run", race=RULE)
    (uniform,) = result.baselines
    assert uniform.soup is not None
    assert uniform.soup.recipe.size == 6
    entry = uniform.to_json()["soup"]
    assert (entry["ensemble"], entry["ensemble_value"]) == (None, None)
    json.dumps(result.to_json(), allow_nan=False)
    assert result.best.recipe.size < 6


@pytest.mark.pictured
def test_all_of_them_with_test_sets_and_statistics_of_their_own(tmp_path: Path) -> None:
    pool = radin.Pool(make_pool(tmp_path / "pool", 3, batchnorm=True))
    one = task(batchnorm=True, test={"near": clouds(60, 4), "far": clouds(50, 5)})
    result = radin.make_soup(pool, one, run_dir=tmp_path / "run", baselines=("uniform", "greedy", "last-k"))
    assert [baseline.name for baseline in result.baselines] == ["uniform", "greedy", "last-k"]
    assert all(set(baseline.tests) == {"near", "far"} for baseline in result.baselines)
    assert all(baseline.soup and baseline.soup.deciding <= result.best.deciding for baseline in result.baselines)
    with radin.Ledger(tmp_path / "run" / "ledger.db") as ledger:
        soups = ledger.count("soup") + ledger.count("baseline")
        assert soups == len({entry.recipe for entry in result.leaderboard if entry.recipe.size > 1})
    assert (tmp_path / "run" / "soups.png").exists()


def test_unknown_baselines_cost_nothing(pool: radin.Pool, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean 'uniform'"):
        radin.make_soup(pool, task(), run_dir=tmp_path / "run", baselines=("unifrm",))
    with pytest.raises(InputError, match="several names"):
        radin.make_soup(pool, task(), run_dir=tmp_path / "run", baselines="uniform")
    assert not (tmp_path / "run").exists()


def test_one_that_failed_has_no_value_and_valid_json() -> None:
    failed = Baseline("uniform", None, 1, "not finite")
    assert failed.value != failed.value
    assert json.loads(json.dumps(failed.to_json(), allow_nan=False))["soup"] is None
