"""A model's folder is one checkpoint, whatever lies beside its weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from radin import Pool
from radin.checkpoints import ModelFolder, is_model_folder, open_checkpoint
from radin.checkpoints.model_folder import class_names_in, weights_in
from radin.errors import CheckpointError
from tests.checkpoints.test_sharded import save_sharded
from tests.helpers import model_folders


def folder_of(path: Path) -> ModelFolder:
    folder = open_checkpoint(path).folder
    assert folder is not None
    return folder


@pytest.mark.parametrize("name", ["model.safetensors", "pytorch_model.bin"])
def test_a_folder_as_a_trainer_leaves_it_is_one_ingredient(tmp_path: Path, name: str) -> None:
    paths = [model_folders.save(tmp_path / f"checkpoint-{step}", step, name=name) for step in (2, 10)]
    pool = Pool(paths)

    assert pool.names == ("checkpoint-2", "checkpoint-10")
    assert pool.paths == tuple(paths)
    assert pool.files == tuple(path / name for path in paths)
    for i, step in enumerate((2, 10)):
        state = pool.state_dict(i)
        assert all(torch.equal(state[key], value) for key, value in model_folders.tensors(step).items())


def test_shards_of_a_folder_are_read_through_their_index_and_the_sharding_is_known(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    values = model_folders.tensors(0)
    parts = [{"bert.embeddings.weight": values.pop("bert.embeddings.weight")}, values]
    save_sharded(folder, parts)
    (folder / "config.json").write_text("{}")

    opened = folder_of(folder)
    assert set(opened.tensors) == set(model_folders.tensors(0))
    assert opened.sharding[""]["classifier.bias"] == "model-00002-of-00002.safetensors"
    assert len(opened.files) == 3


def test_safetensors_come_before_the_copy_in_pytorchs_format(tmp_path: Path) -> None:
    folder = model_folders.save(tmp_path / "both", 1)
    model_folders.save(folder, 2, name="pytorch_model.bin")
    assert weights_in(folder) == {"": folder / "model.safetensors"}


def test_every_module_of_sentence_transformers_counts(tmp_path: Path) -> None:
    folder = model_folders.save(tmp_path / "encoder")
    (folder / "2_Dense").mkdir()
    (folder / "1_Pooling").mkdir()
    save_file({"linear.weight": torch.ones(2, 4)}, folder / "2_Dense" / "model.safetensors")
    modules = [{"idx": i, "name": str(i), "path": path} for i, path in enumerate(["", "1_Pooling", "2_Dense"])]
    (folder / "modules.json").write_text(json.dumps(modules))

    opened = folder_of(folder)
    assert set(opened.tensors) == {*model_folders.tensors(0), "2_Dense/linear.weight"}
    assert torch.equal(Pool([folder]).state_dict(0)["2_Dense/linear.weight"], torch.ones(2, 4))


@pytest.mark.parametrize("path", ["../elsewhere", "/etc"])
def test_modules_elsewhere_are_refused(tmp_path: Path, path: str) -> None:
    folder = model_folders.save(tmp_path / "encoder")
    (folder / "modules.json").write_text(json.dumps([{"path": path}]))
    with pytest.raises(CheckpointError, match="lie in the folder"):
        open_checkpoint(folder)


def test_a_single_variant_is_taken_and_several_are_refused(tmp_path: Path) -> None:
    folder = model_folders.save(tmp_path / "half", name="model.fp16.safetensors")
    assert folder_of(folder).variant == "fp16"
    (folder / "model.fp16.safetensors").rename(folder / "model.bf16.safetensors")
    model_folders.save(folder, name="model.fp16.safetensors")
    with pytest.raises(CheckpointError, match="bf16 and fp16"):
        open_checkpoint(folder)
    model_folders.save(folder)  # the plain one is the model
    assert folder_of(folder).variant is None


def test_a_model_in_one_file_and_in_shards_is_refused(tmp_path: Path) -> None:
    folder = model_folders.save(tmp_path / "mixed")
    save_sharded(folder, [{"a": torch.ones(1)}, {"b": torch.ones(1)}])
    with pytest.raises(CheckpointError, match=r"model\.safetensors and model\.safetensors\.index\.json"):
        open_checkpoint(folder)


@pytest.mark.parametrize("text", ["{", "[1]"])
def test_a_damaged_config_is_refused(tmp_path: Path, text: str) -> None:
    folder = model_folders.save(tmp_path / "damaged")
    (folder / "config.json").write_text(text)
    with pytest.raises(CheckpointError, match=r"config\.json"):
        open_checkpoint(folder)


def test_a_config_beside_files_of_other_names_makes_no_model_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    torch.save(model_folders.tensors(0), tmp_path / "epoch1.pt")
    assert not is_model_folder(tmp_path)
    assert Pool(tmp_path).paths == (tmp_path / "epoch1.pt",)


def test_classes_are_those_that_have_names(tmp_path: Path) -> None:
    assert class_names_in({"id2label": {"1": "cat", "0": "dog"}}) == ("dog", "cat")
    assert class_names_in({"id2label": {"0": "LABEL_0", "1": "LABEL_1"}}) is None
    assert class_names_in({"id2label": {"0": "dog", "2": "cat"}}) is None
    config = model_folders.CONFIG | {"id2label": {"0": "no", "1": "yes"}}
    assert Pool([model_folders.save(tmp_path / "named", config=config)]).class_names == ("no", "yes")
