"""Folders whose models mean different things are refused, with the difference."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from radin import Pool
from radin.errors import IncompatibleError
from tests.helpers import model_folders

NAMED = {"id2label": {"0": "no", "1": "yes"}, "label2id": {"no": 0, "yes": 1}}


def pool_of(folder: Path, *changes: Mapping[str, Any]) -> Pool:
    configs = [model_folders.CONFIG | change for change in changes]
    return Pool([model_folders.save(folder / str(i), i, config=config) for i, config in enumerate(configs)])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({"_name_or_path": "bert-base-uncased"}, {"_name_or_path": "runs/1"}),
        ({"transformers_version": "4.57.0", "torch_dtype": "float32"}, {"transformers_version": "5.24.0"}),
        ({"hidden_dropout_prob": 0.1}, {"hidden_dropout_prob": 0.3}),
        ({"problem_type": "single_label_classification"}, {"problem_type": None}),
        ({"rope_theta": 10_000.0}, {"rope_parameters": {"rope_theta": 10_000.0}}),
        ({}, NAMED),
    ],
)
def test_what_training_alone_depends_on_may_differ(tmp_path: Path, one: dict[str, Any], other: dict[str, Any]) -> None:
    assert len(pool_of(tmp_path, one, other)) == 2


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"model_type": "roberta"}, {"model_type": "bert"}, 'model_type is "roberta" in .*0, but "bert" in .*1'),
        ({"vocab_size": 30_522}, {"vocab_size": 30_523}, "vocab_size"),
        ({"layer_norm_eps": 1e-12}, {"layer_norm_eps": 1e-5}, "layer_norm_eps"),
        (NAMED, {"id2label": {"0": "no", "1": "maybe"}}, "'yes' among them"),
    ],
)
def test_what_outputs_depend_on_must_agree(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], said: str
) -> None:
    with pytest.raises(IncompatibleError, match=said):
        pool_of(tmp_path, one, other)


def test_another_order_of_classes_is_refused_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(IncompatibleError, match=r"class 0 is 'no' in .*, but 'yes' in") as refused:
        pool_of(tmp_path, NAMED, {"id2label": {"0": "yes", "1": "no"}})
    assert refused.value.mend == {"reorder_classes": True}


def test_variants_do_not_mix(tmp_path: Path) -> None:
    paths = [
        model_folders.save(tmp_path / "plain", 1),
        model_folders.save(tmp_path / "half", 2, name="model.fp16.safetensors"),
    ]
    with pytest.raises(IncompatibleError, match=r"plain weights, but .* the variant 'fp16'"):
        Pool(paths)


def with_tokenizers(folder: Path, one: Any, other: Any, name: str = "tokenizer.json") -> list[Path]:
    paths = [model_folders.save(folder / str(i), i) for i in range(2)]
    for path, content in zip(paths, (one, other), strict=True):
        (path / name).write_text(content if isinstance(content, str) else json.dumps(content))
    return paths


def test_tokenizers_must_give_equal_tokens(tmp_path: Path) -> None:
    one = {"truncation": None, "model": {"vocab": {"a": 0}}}
    same = {"model": {"vocab": {"a": 0}}, "truncation": {"max_length": 8}}  # left there by the last call
    assert len(Pool(with_tokenizers(tmp_path / "same", one, same))) == 2
    with pytest.raises(IncompatibleError, match=r"tokenizer\.json differs .* in 'model'"):
        Pool(with_tokenizers(tmp_path / "other", one, {"model": {"vocab": {"b": 0}}}))
    with pytest.raises(IncompatibleError, match=r"vocab\.txt differs"):
        Pool(with_tokenizers(tmp_path / "text", "a\nb\n", "b\na\n", "vocab.txt"))
    paths = with_tokenizers(tmp_path / "one", one, one)
    (paths[1] / "tokenizer.json").unlink()  # `Trainer` saves none unless it is given one
    assert len(Pool(paths)) == 2


def test_images_must_be_prepared_alike(tmp_path: Path) -> None:
    name = "preprocessor_config.json"
    paths = with_tokenizers(tmp_path, {"image_mean": [0.5]}, {"image_mean": [0.4]}, name)
    with pytest.raises(IncompatibleError, match="image_mean"):
        Pool(paths)
    shutil.copy(paths[0] / name, paths[1] / name)
    assert len(Pool(paths)) == 2
