"""Models of transformers as tasks, `--task transformers` on the command line: what a folder says of itself decides."""

from __future__ import annotations

import os
from typing import Any

from radin.common.files import fingerprint_of
from radin.scoring.metrics import SpanF1
from radin.tasks.hugging_face.heads import essence, kind_of
from radin.tasks.hugging_face.library import architecture, class_of, import_transformers, open_config
from radin.tasks.hugging_face.networks import Builder, load_through_library, stored_dtype
from radin.tasks.hugging_face.sources import Sources, TestSpec
from radin.tasks.labelled import Corrupt
from radin.tasks.task import Task

#: Fingerprint of the networks and preparations of this package. It changes only when the outputs of a task would.
FINGERPRINT = "transformers-1"


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
    glue: str | None = None,
    attn_implementation: str | None = None,
    device_map: str | None = None,
    autocast: str | None = None,
    trust_remote_code: bool = False,
    loaders: int = 0,
) -> Task:
    """Texts, pairs, tags, choices, language models, images and sounds with transformers.

    The class of the network, its tokenizer or image processor, its classes and its limit of length are those of the
    model's folder. Nothing is downloaded. Networks are loaded as `from_pretrained` loads them.

    Arguments:
        data: what selects: a table (`.csv`, `.tsv`, `.json`, `.jsonl`, `.parquet`), a folder that `datasets` saved, or
            for images and sounds a folder with one folder for each class; see also `radin.tasks.readers.open_sets`.
        model: a model's folder, of which the config, the tokenizer and the processor are used, not the weights. On the
            command line the first checkpoint's by default.
        test: what reports and selects nothing: another one, or several as `NAME=SPEC,NAME=SPEC`.
        text: the column with the text, or two with a comma between for pairs; for choices the context, and a column
            that begins each choice; for sounds the file. By default usual names are looked for, such as `text` and
            `sentence1,sentence2`.
        label: the column with the label, by default `label`; with several labels one column for each class, or one of
            lists.
        choices: the columns with the choices, or one with lists of them.
        max_length: tokens at most, of sounds seconds; what is longer is cut. By default as many tokens as model and
            tokenizer take, and whole sounds.
        tokenizer: the folder of the tokenizer, where it is not the model's.
        split: which part of `data`, where it has several.
        corrupt: `stop` at an image that cannot be read, or `skip` it for all models.
        metric: see `Task`; by default that of the kind of outputs.
        glue: the data are a task of GLUE (`mrpc`, `cola`, `stsb`, ...), in files as the benchmark or `datasets` has
            them: columns, classes and the default metric follow from its name.
        attn_implementation: how attention is computed: `eager`, `sdpa`, `flash_attention_2`, ...
        device_map: spread a network that is larger than one GPU over all of them: `auto`, `balanced`, `balanced_low_0`
            or `sequential`, as `from_pretrained` takes them. Not with workers.
        autocast: see `Task`.
        trust_remote_code: run code that lies beside the model, which may do anything.
        loaders: processes that load the data.

    Returns:
        the task.

    Raises:
        InputError: no model's folder, a head that cannot be scored, columns that are not there, no such task of GLUE.
        MissingFileError: data that are not there.
        DataError: labels that are none of the model's classes, a damaged table.
        TaskError: transformers, or what it needs, cannot be imported.
    """
    sources = Sources(
        model, data, test, text, label, choices, max_length, tokenizer, glue, split, corrupt, trust_remote_code
    )
    config = open_config(model, trust_remote_code=trust_remote_code)
    kind = kind_of(config, model)
    network = class_of(config, model, trust_remote_code=trust_remote_code)
    builder = Builder(network, config, stored_dtype(config), attn_implementation, device_map)
    about = [FINGERPRINT, import_transformers().__version__, architecture(config, model), essence(config)]
    made: dict[str, Any] = {
        "load": load_through_library,
        "source": fingerprint_of(*about, kind, attn_implementation, str(builder.dtype)),
        "loaders": loaders,
        "autocast": autocast,
        **sources.prepared(kind, config),
    }
    if metric == SpanF1.name:
        return Task(builder, **made | {"metric": SpanF1(_tag_names(config)), "outputs": SpanF1.asks_for})
    return Task(builder, **made | ({} if metric is None else {"metric": metric}))


def _tag_names(config: Any) -> list[str]:
    """Names of a model's tags, in the order of their numbers."""
    return [str(config.id2label[i]) for i in range(len(config.id2label))]
