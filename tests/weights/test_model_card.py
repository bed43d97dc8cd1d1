"""The card of a soup says what the Hub reads, and nothing of this machine."""

from pathlib import Path

import pytest

from radin import Pool, Recipe
from radin.weights.model_card import card, front_matter, mergekit_config
from tests.helpers import model_folders


def pool_of(folder: Path, *bases: str) -> Pool:
    for seed, base in enumerate(bases):
        config = model_folders.CONFIG | {"_name_or_path": base}
        path = model_folders.save(folder / f"run {seed}", seed, config=config)
        (path / "README.md").write_text(f"---\nlicense: mit\nlanguage: [en]\ndatasets: [set{seed}]\n---\n\n# A model\n")
    return Pool(folder)


def test_front_matter_names_bases_task_and_what_all_agree_on(tmp_path: Path) -> None:
    pytest.importorskip("yaml")
    pool = pool_of(tmp_path / "runs", "google/bert-base", "google/bert-base", "bert-large")
    folder = pool.folders[0]
    assert folder is not None
    assert front_matter(pool, Recipe.uniform(pool.names), folder) == {
        "base_model": ["google/bert-base", "bert-large"],
        "library_name": "transformers",
        "pipeline_tag": "text-classification",
        "tags": ["merge", "radin", "model-soup"],
        "license": "mit",
        "language": ["en"],
    }


def test_paths_of_this_machine_are_no_base_models(tmp_path: Path) -> None:
    pool = pool_of(tmp_path / "runs", str(tmp_path / "start"), "./start")
    folder = pool.folders[0]
    assert folder is not None
    text = card(pool, Recipe.uniform(pool.names), folder, {}) + mergekit_config(pool, Recipe.uniform(pool.names))
    assert "base_model" not in text
    assert str(tmp_path) not in text


def test_the_card_and_the_recipe_of_mergekit_are_valid_yaml(tmp_path: Path) -> None:
    yaml = pytest.importorskip("yaml")
    pool = pool_of(tmp_path / "runs", "google/bert-base", "google/bert-base")
    folder = pool.folders[0]
    assert folder is not None
    recipe = Recipe.of(pool.names, [0.25, 0.75])
    text = card(pool, recipe, folder, {"radin.metric": "accuracy", "radin.score": "0.875"})
    assert yaml.safe_load(text.split("---\n")[1]) == front_matter(pool, recipe, folder)
    assert "accuracy" in text and "0.875" in text
    models = [
        {"model": "run 0", "parameters": {"weight": 0.25}},
        {"model": "run 1", "parameters": {"weight": 0.75}},
    ]
    made = yaml.safe_load(mergekit_config(pool, recipe))
    assert made == {"models": models, "merge_method": "linear", "dtype": "float32", "out_dtype": "float32"}
