"""The heads of networks that can be scored, by the names of their classes, and the kinds of their outputs."""

from __future__ import annotations

import importlib
import json
import re
from typing import Any

from radin.errors import InputError
from radin.tasks.hugging_face.library import architecture

#: Heads that can be scored, by the end of their class's name: the kind of their outputs, of their inputs, or of what a
#: language model guesses from.
HEADS = {
    "ForSequenceClassification": "classes",
    "ForTokenClassification": "positions",
    "ForMultipleChoice": "choices",
    "ForCausalLM": "causal",
    "LMHeadModel": "causal",
    "ForMaskedLM": "masked",
    "ForImageClassification": "images",
    "ForAudioClassification": "sounds",
}

#: Entries of a config that the outputs do not depend on.
FREE = re.compile(
    r"_name_or_path|transformers_version|.*drop.*|architectures|finetuning_task|problem_type|.*2label|label2id"
)


def kind_of(config: Any, model: object) -> str:
    """The kind of a model's outputs, a name of `Task`'s kinds, or another entry of `HEADS`.

    Raises:
        InputError: a head that cannot be scored.
    """
    name = architecture(config, model)
    if name in _of_sounds():  # those of Wav2Vec2 and its like are called ForSequenceClassification
        return "sounds"
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


def _of_sounds() -> set[str]:
    """Names of the classes that classify sounds, as the library lists them."""
    listed = importlib.import_module("transformers.models.auto.modeling_auto")
    return set(listed.MODEL_FOR_AUDIO_CLASSIFICATION_MAPPING_NAMES.values())


def essence(config: Any) -> dict[str, Any]:
    """The part of a config that the outputs depend on, as JSON holds it."""
    known = json.loads(config.to_json_string(use_diff=False))
    return {name: value for name, value in known.items() if not FREE.fullmatch(name)}
