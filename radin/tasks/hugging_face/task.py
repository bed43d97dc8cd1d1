"""Models of transformers as tasks, `--task transformers` on the command line: what a folder says of itself decides."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from radin.common.files import fingerprint_of
from radin.errors import InputError
from radin.tasks.hugging_face.encoding import ByLength
from radin.tasks.hugging_face.library import architecture, class_of, import_transformers, open_config
from radin.tasks.hugging_face.networks import Builder, load_through_library, stored_dtype
from radin.tasks.hugging_face.pictures import Preparation, class_folders_of
from radin.tasks.hugging_face.texts import Encoder, open_tokenizer
from radin.tasks.labelled import Corrupt
from radin.tasks.readers import open_sets
from radin.tasks.readers.sets import parse_tests
from radin.tasks.readers.tables import read_table
from radin.tasks.task import Task

#: Fingerprint of the networks and preparations of this package. It changes only when the outputs of a task would.
FINGERPRINT = "transformers-1"

#: A test set, or several by name.
TestSpec = str | os.PathLike[str] | Mapping[str, str]

#: Heads that can be scored, by the end of their class's name, and the kind of their outputs.
HEADS = {
    "ForSequenceClassification": "classes",
    "ForTokenClassification": "positions",
    "ForMultipleChoice": "choices",
    "ForImageClassification": "images",
}

#: Entries of a config that the outputs do not depend on.
FREE = re.compile(
    r"_name_or_path|transformers_version|.*drop.*|architectures|finetuning_task|problem_type|.*2label|label2id"
)


def transformers_task(
    data: str | os.PathLike[str],
    model: str | os.PathLike[str],
    test: TestSpec | None = None,
    *,
    text: str | None = None,
    label: str | None = None,
    choices: str | None = None,
    max_length: int | None = None,
    tokenizer: str | None = None,
    split: str | None = None,
    corrupt: Corrupt = "stop",
    metric: str | None = None,
    attn_implementation: str | None = None,
    trust_remote_code: bool = False,
    loaders: int = 0,
) -> Task:
    """Classification and regression of texts, tagging, multiple choice, and image classification with transformers.

    The class of the network, its tokenizer or image processor, its classes and its limit of length are those of the
    model's folder. Nothing is downloaded. Networks are loaded as `from_pretrained` loads them.

    Arguments:
        data: what selects: a table (`.csv`, `.tsv`, `.json`, `.jsonl`, `.parquet`), a folder that `datasets` saved, or
            for images a folder with one folder for each class; see also `radin.tasks.readers.open_sets`.
        model: a model's folder, of which the config, the tokenizer and the processor are used, not the weights. On the
            command line the first checkpoint's by default.
        test: what reports and selects nothing: another one, or several as `NAME=SPEC,NAME=SPEC`.
        text: the column with the text, or two with a comma between for pairs; for choices the context, and a column
            that begins each choice. By default usual names are looked for, such as `text` and `sentence1,sentence2`.
        label: the column with the label, by default `label`; with several labels one column for each class, or one of
            lists.
        choices: the columns with the choices, or one with lists of them.
        max_length: tokens at most; longer texts are cut. By default as many as model and tokenizer take.
        tokenizer: the folder of the tokenizer, where it is not the model's.
        split: which part of `data`, where it has several.
        corrupt: `stop` at an image that cannot be read, or `skip` it for all models.
        metric: see `Task`; by default that of the kind of outputs.
        attn_implementation: how attention is computed: `eager`, `sdpa`, `flash_attention_2`, ...
        trust_remote_code: run code that lies beside the model, which may do anything.
        loaders: processes that load the data.

    Returns:
        the task.

    Raises:
        InputError: no model's folder, a head that cannot be scored, columns that are not there.
        MissingFileError: data that are not there.
        DataError: labels that are none of the model's classes, a damaged table.
        TaskError: transformers, or what it needs, cannot be imported.
    """
    config = open_config(model, trust_remote_code=trust_remote_code)
    kind = kind_of(config, model)
    builder = Builder(
        class_of(config, model, trust_remote_code=trust_remote_code), config, stored_dtype(config), attn_implementation
    )
    about = [FINGERPRINT, import_transformers().__version__, architecture(config, model), _essence(config)]
    source = fingerprint_of(*about, kind, attn_implementation, str(builder.dtype))
    settings: dict[str, Any] = {"loaders": loaders, "source": source}
    if kind == "images":
        prepare = Preparation.of(model, trust_remote_code=trust_remote_code)
        classes = class_folders_of(data, config)
        sets = open_sets(data, test, prepare, split=split, classes=classes, corrupt=corrupt)
        return _task(builder, _on_pixels, "classes", sets.data, sets.test, metric, settings)
    encode = Encoder(
        open_tokenizer(model, tokenizer, trust_remote_code=trust_remote_code),
        config,
        kind,
        text=text,
        label=label,
        choices=choices,
        max_length=max_length,
    )
    forward = ByLength(left=encode.left, by_token=kind == "positions")
    return _task(builder, forward, kind, encode(read_table(data, split)), _tests(test, encode), metric, settings)


def kind_of(config: Any, model: object) -> str:
    """The kind of a model's outputs: a name of `Task`'s kinds, or `images`.

    Raises:
        InputError: a head that cannot be scored.
    """
    name = architecture(config, model)
    kind = next((kind for end, kind in HEADS.items() if name.endswith(end)), None)
    if kind is None:
        raise InputError(
            f"{model}: {name} is none of the heads that this task can score, which end in {', '.join(HEADS)}. Write a "
            "task of your own: `radin.Task(build_model, data, load=radin.tasks.load_through_transformers, ...)`."
        )
    if kind != "classes":
        return kind
    if config.num_labels == 1 or config.problem_type == "regression":
        return "values"
    return "several-labels" if config.problem_type == "multi_label_classification" else "classes"


def _tests(test: TestSpec | None, encode: Encoder) -> Any:
    if test is None:
        return None
    specs = parse_tests(test)
    if isinstance(specs, str):
        return encode(read_table(specs))
    return {name: encode(read_table(spec)) for name, spec in specs.items()}


def _task(
    builder: Builder, forward: Any, kind: str, data: Any, test: Any, metric: str | None, settings: dict[str, Any]
) -> Task:
    settings = settings | {"outputs": kind, "metric": metric, "load": load_through_library}
    return Task(builder, data=data, test=test, forward=forward, **settings)


def _on_pixels(network: nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    logits: torch.Tensor = network(pixel_values=inputs).logits
    return logits


def _essence(config: Any) -> dict[str, Any]:
    """What of a config the outputs depend on, as JSON holds it."""
    known = json.loads(config.to_json_string(use_diff=False))
    return {name: value for name, value in known.items() if not FREE.fullmatch(name)}
