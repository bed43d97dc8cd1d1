"""A soup of models' folders is a folder with all that its members' folders have beside their weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from radin import Pool, Recipe, average
from radin.checkpoints import open_checkpoint
from radin.errors import InputError, RadinError, StorageError
from tests.checkpoints.test_sharded import save_sharded
from tests.helpers import model_folders


def two(folder: Path) -> list[Path]:
    """Two folders with companions of their own, all of which are one model's."""
    paths = [model_folders.save(folder / name, seed) for seed, name in enumerate(("a", "b"))]
    for path in paths:
        (path / "tokenizer.json").write_text('{"model": {}}')
        (path / "generation_config.json").write_text(json.dumps({"of": path.name}))
        (path / "all_results.json").write_text("{}")
        (path / "checkpoint-3").mkdir()
        (path / "README.md").write_text("---\nlicense: mit\nlanguage: [en]\n---\n\n# A model\n")
    return paths


def mean(one: dict[str, Tensor], other: dict[str, Tensor], weight: float = 0.5) -> dict[str, Tensor]:
    return {name: weight * value + (1 - weight) * other[name] for name, value in one.items()}


def tensors_in(folder: Path) -> dict[str, Tensor]:
    return {name: value for file in sorted(folder.rglob("*.safetensors")) for name, value in load_file(file).items()}


def same(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.allclose(value, other[name]) for name, value in one.items())


def test_the_folder_is_complete_and_what_is_copied_is_the_heaviest_members(tmp_path: Path) -> None:
    pool = Pool(two(tmp_path / "runs"))
    soup = average(pool, [0.25, 0.75], tmp_path / "soup")

    assert soup == tmp_path / "soup"
    assert sorted(file.name for file in soup.iterdir()) == [
        "README.md",
        "config.json",
        "generation_config.json",
        "mergekit_config.yml",
        "model.safetensors",
        "radin_recipe.json",
        "tokenizer.json",
    ]
    for name in ("config.json", "generation_config.json", "tokenizer.json"):
        assert (soup / name).read_bytes() == (tmp_path / "runs" / "b" / name).read_bytes()
    assert same(tensors_in(soup), mean(model_folders.tensors(0), model_folders.tensors(1), 0.25))
    with safe_open(soup / "model.safetensors", "pt") as file:
        assert file.metadata()["format"] == "pt"
    assert json.loads((soup / "radin_recipe.json").read_text())["recipe"] == {"a": 0.25, "b": 0.75}
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_soup_of_one_is_that_model_bit_for_bit(tmp_path: Path) -> None:
    pool = Pool(two(tmp_path / "runs"))
    soup = average(pool, ["b"], tmp_path / "soup")
    assert all(torch.equal(value, model_folders.tensors(1)[name]) for name, value in tensors_in(soup).items())


def test_shards_are_those_of_the_ingredients_unless_a_size_is_given(tmp_path: Path) -> None:
    for seed in range(2):
        values = model_folders.tensors(seed)
        head = {"classifier.weight": values.pop("classifier.weight")}
        save_sharded(tmp_path / "runs" / str(seed), [head, values])
        (tmp_path / "runs" / str(seed) / "config.json").write_text("{}")
    pool = Pool(tmp_path / "runs")
    expected = mean(model_folders.tensors(0), model_folders.tensors(1))

    kept = average(pool, [0.5, 0.5], tmp_path / "kept")
    index = json.loads((kept / "model.safetensors.index.json").read_text())
    assert index["weight_map"]["classifier.weight"] == "model-00001-of-00002.safetensors"
    assert index["metadata"] == {"total_parameters": 34, "total_size": 136}
    assert same(tensors_in(kept), expected)
    assert same(Pool([kept]).state_dict(0), expected)

    small = average(pool, [0.5, 0.5], tmp_path / "small", max_shard_size=40)
    assert len(list(small.glob("*.safetensors"))) == 3
    assert same(tensors_in(small), expected)
    whole = average(pool, [0.5, 0.5], tmp_path / "small", max_shard_size=10_000)  # replaces; no stale shard stays
    assert [file.name for file in whole.glob("model*")] == ["model.safetensors"]


def test_folders_in_pytorchs_format_become_safetensors(tmp_path: Path) -> None:
    for seed in range(2):
        model_folders.save(tmp_path / "runs" / str(seed), seed, name="pytorch_model.bin")
    soup = average(Pool(tmp_path / "runs"), [0.5, 0.5], tmp_path / "soup")
    assert same(load_file(soup / "model.safetensors"), mean(model_folders.tensors(0), model_folders.tensors(1)))
    assert not list(soup.glob("*.bin"))


def test_every_module_of_sentence_transformers_is_averaged_in_its_place(tmp_path: Path) -> None:
    for seed in range(2):
        folder = model_folders.save(tmp_path / "runs" / str(seed), seed)
        for place in ("1_Pooling", "2_Dense"):
            (folder / place).mkdir()
            (folder / place / "config.json").write_text(json.dumps({"of": place}))
        save_file({"linear.weight": torch.full((2, 4), float(seed))}, folder / "2_Dense" / "model.safetensors")
        modules = [{"idx": i, "path": path} for i, path in enumerate(["", "1_Pooling", "2_Dense"])]
        (folder / "modules.json").write_text(json.dumps(modules))
        (folder / "config_sentence_transformers.json").write_text("{}")
    soup = average(Pool(tmp_path / "runs"), [0.5, 0.5], tmp_path / "soup")

    assert same(load_file(soup / "model.safetensors"), mean(model_folders.tensors(0), model_folders.tensors(1)))
    assert torch.equal(load_file(soup / "2_Dense" / "model.safetensors")["linear.weight"], torch.full((2, 4), 0.5))
    for name in ("modules.json", "config_sentence_transformers.json", "1_Pooling/config.json", "2_Dense/config.json"):
        assert (soup / name).is_file()
    assert "library_name: sentence-transformers" in (soup / "README.md").read_text()


def test_classes_that_were_reordered_stand_so_in_the_config(tmp_path: Path) -> None:
    names = [["no", "yes"], ["yes", "no"]]
    configs = [model_folders.CONFIG | {"id2label": dict(enumerate(one))} for one in names]
    paths = [model_folders.save(tmp_path / str(i), i, config=config) for i, config in enumerate(configs)]
    soup = average(Pool(paths, reorder_classes=True), [0.25, 0.75], tmp_path / "soup")
    assert open_checkpoint(soup).class_names == ("no", "yes")
    turned = model_folders.tensors(1)["classifier.bias"].flip(0)
    expected = 0.25 * model_folders.tensors(0)["classifier.bias"] + 0.75 * turned
    assert torch.allclose(tensors_in(soup)["classifier.bias"], expected)


def test_nothing_but_a_soup_is_replaced(tmp_path: Path) -> None:
    pool = Pool(two(tmp_path / "runs"))
    for place in (tmp_path / "runs", tmp_path / "runs" / "a"):
        with pytest.raises(InputError, match="ingredient"):
            average(pool, [0.5, 0.5], place)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match="no soup"):
        average(pool, [0.5, 0.5], tmp_path / "mine")
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError):
        average(pool, [0.5, 0.5], tmp_path / "file" / "soup")


def test_a_soup_that_fails_leaves_the_old_one_as_it_was(tmp_path: Path) -> None:
    paths = two(tmp_path / "runs")
    pool = Pool(paths)
    soup = average(pool, [0.5, 0.5], tmp_path / "soup")
    before = {file.name: file.read_bytes() for file in soup.iterdir()}
    broken = model_folders.tensors(1) | {"classifier.bias": torch.tensor([1.0, float("nan")])}
    save_file(broken, paths[1] / "model.safetensors")
    with pytest.raises(RadinError):
        average(Pool(paths), [0.5, 0.5], tmp_path / "soup")
    assert {file.name: file.read_bytes() for file in soup.iterdir()} == before
    assert [one.name for one in tmp_path.iterdir() if one.name.startswith(".")] == []


def test_a_file_can_be_written_of_folders_too(tmp_path: Path) -> None:
    pool = Pool(two(tmp_path / "runs"))
    file = average(pool, Recipe.uniform(pool.names), tmp_path / "soup.safetensors")
    assert same(load_file(file), mean(model_folders.tensors(0), model_folders.tensors(1)))


def test_a_part_of_a_model_is_no_folder(tmp_path: Path) -> None:
    pool = Pool(two(tmp_path / "runs"), prefix="bert.")
    assert set(pool.tensors) == {"embeddings.weight"}
    assert not pool.is_folders
    with pytest.raises(InputError, match=r"\.safetensors"):
        average(pool, [0.5, 0.5], tmp_path / "soup")
