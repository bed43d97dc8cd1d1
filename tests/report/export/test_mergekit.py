"""The recipe is YAML that mergekit reads, with the weights exact and the files where they lay."""

from pathlib import Path

import yaml

from radin.report.export.mergekit import known_paths, mergekit_recipe, write_mergekit
from radin.report.record import Record


def test_the_recipe_is_a_weighted_average_of_files(finished: Path, checkpoints: list[Path], tmp_path: Path) -> None:
    record = Record.read(finished)
    made = yaml.safe_load(write_mergekit(record, tmp_path / "recipe.yaml").read_text())
    assert (made["merge_method"], made["dtype"], made["parameters"]) == ("linear", "float32", {"normalize": False})
    found = {one["model"]: one["parameters"]["weight"] for one in made["models"]}
    files = {path.stem: str(path) for path in checkpoints}
    assert found == {files[name]: weight for name, weight in record.winner.recipe.items()}


def test_files_that_are_not_known_are_named_as_in_the_pool(finished: Path, tmp_path: Path) -> None:
    record = Record(Record.read(finished).document, tmp_path)
    assert known_paths(record) == {}
    text = mergekit_recipe(record, {})
    assert "put a path, or a name of a model hub" in text
    assert {one["model"] for one in yaml.safe_load(text)["models"]} == {*record.winner.recipe}


def test_a_folder_of_a_model_is_named_as_a_folder(finished: Path) -> None:
    record = Record.read(finished)
    where = known_paths(record)
    assert where.keys() == record.about["ingredients"].keys()
    folder = Path(next(iter(where.values()))).parent
    (folder / "config.json").write_text("{}")
    try:
        assert {*known_paths(record).values()} == {str(folder)}
    finally:
        (folder / "config.json").unlink()
