"""Results: the winner's file, values on test sets, and the document."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers.small import clouds, task
from safetensors import safe_open

import radin
from radin.errors import InputError, RunDirError, StorageError
from radin.report.result import SOUP, VERSION, Result
from radin.report.soup_place import check_soup_file


@pytest.fixture(scope="module")
def result(checkpoints: list[Path], tmp_path_factory: pytest.TempPathFactory) -> Result:
    sets = {"near": clouds(40, 5), "far": clouds(30, 6)}
    budget = radin.Budget(soups=3)
    folder = tmp_path_factory.mktemp("run")
    return radin.make_soup(radin.Pool(checkpoints), task(test=sets), run_dir=folder, budget=budget)


def test_the_document_is_the_leaderboard_of_the_run_folder(result: Result) -> None:
    document = json.loads(json.dumps(result.to_json()))
    assert document == json.loads((result.run_dir / "leaderboard.json").read_text())
    assert document["version"] == VERSION
    assert document["best"]["criterion"] == max(one.deciding for one in result.leaderboard) == result.best.deciding
    assert len(document["leaderboard"]) == 5 + 3 + 1  # ingredients, soups, and the uniform soup
    assert document["verdict"] == result.verdict in repr(result)


def test_the_best_ingredient_and_the_winner_have_values_on_each_test_set(result: Result) -> None:
    for one in (result.best, result.best_ingredient):
        values = result.on_tests(one.recipe)
        assert list(values) == ["near", "far", "mean"]
        assert values["mean"] == pytest.approx((values["near"] + values["far"]) / 2)
    assert result.on_tests(result.best_ingredient.recipe)["far"] == result.tests["far"].best_ingredient.value
    neither = next(one for one in result.leaderboard if one not in (result.best, result.best_ingredient))
    assert result.on_tests(neither.recipe) == {}
    assert replace(result, tests={"near": result.tests["near"]}).on_tests(result.best.recipe) == {}


def test_the_gap_is_told_over_all_verified_soups(result: Result) -> None:
    gaps = [one.score - one.ensemble for one in result.verified]
    assert f"over 3 verified: mean {np.mean(gaps):+.4f}" in str(result.surrogate_gap)
    assert replace(result, verified=[]).surrogate_gap is None


def test_the_saved_soup_is_the_winner_with_its_recipe(result: Result, tmp_path: Path) -> None:
    saved = result.save(tmp_path / "new" / "soup.safetensors")
    assert saved.read_bytes() == (result.run_dir / SOUP).read_bytes()
    with safe_open(saved, "np") as opened:
        assert json.loads(opened.metadata()["radin.recipe"]) == result.best.recipe.to_json()


def test_no_ingredient_is_written_over_and_no_other_soup_saved(result: Result, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="belongs to one of the ingredients"):
        result.save(result.ingredients[0])
    with pytest.raises(RunDirError, match="is another soup by now"):
        replace(result, batchnorm="keep").save(tmp_path / "soup.safetensors")


def test_the_place_of_a_soup_is_checked_before_anything_is_spent(tmp_path: Path) -> None:
    check_soup_file(tmp_path / "new" / "soup.safetensors")
    assert not (tmp_path / "new").exists()
    with pytest.raises(InputError, match=r"a soup is written as \.safetensors"):
        check_soup_file(tmp_path / "soup.pt")
    (tmp_path / "folder.safetensors").mkdir()
    with pytest.raises(StorageError, match="it is a folder"):
        check_soup_file(tmp_path / "folder.safetensors")
