"""Whether folders of models can be averaged, as far as their configs, tokenizers and preparations of inputs say."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radin.checkpoints import ModelFolder, NetworkCheckpoint
from radin.common.error_list import Complaints
from radin.common.wording import shown
from radin.errors import IncompatibleError

#: Entries of a config that may differ: where a model came from, versions, what only training or speed depends on. The
#: dtype of the weights is compared tensor by tensor.
FREE = re.compile(
    r"_.*|name_or_path|transformers_version|.*drop.*|.*dtype|use_cache|gradient_checkpointing|attn_implementation.*"
    r"|finetuning_task|problem_type|label2id|id2label|initializer_.*|auto_map|torchscript|output_.*|return_dict.*"
)

#: Entries that every config must have alike, even where one of two lacks them.
NEEDED = ("model_type", "architectures")

#: Files that decide which numbers a text or an image becomes. Of JSON files the meaning counts, not the spelling.
TOKENS = (
    "tokenizer.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "added_tokens.json",
)
PREPARATION = ("preprocessor_config.json", "processor_config.json", "image_processor_config.json")

#: Entries of such files that follow from the last call, or say who wrote the file.
STATE = ("truncation", "padding", "processor_class", "transformers_version", "image_processor_type", "_processor_class")


def check_folders(
    checkpoints: Sequence[NetworkCheckpoint], complaints: Complaints, *, reorder: bool
) -> list[NetworkCheckpoint]:
    """Compares the configs, tokenizers and preparations of all folders with those of the first one.

    Arguments:
        checkpoints: the ingredients; those that are files say nothing.
        complaints: take note of IncompatibleErrors, one for each folder that differs.
        reorder: whether another order of the classes is put right elsewhere, so that it is no difference.

    Returns:
        the checkpoints that fit.
    """
    first = next((one.folder for one in checkpoints if one.folder), None)
    fitting = []
    for checkpoint in checkpoints:
        with complaints.noting():
            if first is not None and checkpoint.folder is not None:
                refuse_different(first, checkpoint.folder, reorder=reorder)
            fitting.append(checkpoint)
    return fitting


def refuse_different(first: ModelFolder, other: ModelFolder, *, reorder: bool = False) -> None:
    """Refuses two folders whose models mean different things.

    Raises:
        IncompatibleError: says in which entry or file they differ, and how.
    """
    if first.variant != other.variant:
        raise IncompatibleError(
            f"{first.path} holds {_variant(first)}, but {other.path} {_variant(other)}. Save all in one precision."
        )
    _compare_classes(first, other, reorder=reorder)
    _compare_configs(first, other)
    for name in TOKENS:
        _compare_files(first.path, other.path, name, "the same text would become other tokens")
    for name in PREPARATION:
        _compare_files(first.path, other.path, name, "the same image or sound would become other numbers")


def _variant(folder: ModelFolder) -> str:
    return f"the variant {shown(folder.variant)}" if folder.variant else "plain weights"


def _compare_configs(first: ModelFolder, other: ModelFolder) -> None:
    here, there = first.config, other.config
    for name in sorted({*here, *there}):
        if FREE.fullmatch(name):
            continue
        both = name in here and name in there
        if (both or (name in NEEDED and here and there)) and here.get(name) != there.get(name):
            raise IncompatibleError(
                f"the configs differ: {name} is {_value(here, name)} in {first.path}, but {_value(there, name)} in "
                f"{other.path}. All ingredients must be fine-tunings of one model."
            )


def _value(config: Mapping[str, Any], name: str, most: int = 60) -> str:
    if name not in config:
        return "not given"
    text = json.dumps(config[name])
    return text if len(text) <= most else f"{text[:most]}..."


def _compare_classes(first: ModelFolder, other: ModelFolder, *, reorder: bool) -> None:
    here, there = first.class_names, other.class_names
    if here is None or there is None or here == there:
        return
    if sorted(here) != sorted(there) or len(set(here)) != len(here):
        more = f"{first.path} has {_few(here, there)}; {other.path} has {_few(there, here)}"
        raise IncompatibleError(f"the classes (id2label) differ: {more}. Heads of other classes cannot be averaged.")
    if not reorder:
        at = next(i for i, (a, b) in enumerate(zip(here, there, strict=True)) if a != b)
        raise IncompatibleError(
            f"the classes (id2label) are in another order: class {at} is {shown(here[at])} in {first.path}, but "
            f"{shown(there[at])} in {other.path}. The rows of the heads can be brought into one order."
        ).mended_by(reorder_classes=True)


def _few(names: Sequence[str], others: Sequence[str]) -> str:
    own = [shown(name) for name in names if name not in others]
    said = ", ".join(own[:3]) + (", ..." if len(own) > 3 else "")
    return f"{len(names)} classes" + (f", {said} among them" if own else "")


def _compare_files(first: Path, other: Path, name: str, why: str) -> None:
    """Compares one file of two folders; where one of them lacks it, nothing is known."""
    if (first / name).is_file() and (other / name).is_file():
        here, there = _meaning(first / name), _meaning(other / name)
        if here != there:
            differ = _differing(here, there)
            raise IncompatibleError(
                f"{name} differs between {first} and {other}{differ}: {why}. Fine-tune and save all models with one."
            )


def _meaning(path: Path) -> Any:
    """Contents of a file, by entry for JSON objects, as a fingerprint for all others."""
    content = path.read_bytes()
    if path.suffix == ".json":
        try:
            value = json.loads(content)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict):
            return {name: one for name, one in value.items() if name not in STATE}
    return hashlib.sha256(content).hexdigest()


def _differing(here: Any, there: Any) -> str:
    if not isinstance(here, dict) or not isinstance(there, dict):
        return ""
    name = next(name for name in {**here, **there} if here.get(name) != there.get(name))
    return f" in {shown(name)}"
