"""The card of a soup's folder, with the front matter that the Hugging Face Hub reads, and its recipe for mergekit."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from radin.checkpoints import ModelFolder
from radin.common.version import VERSION
from radin.recipe import Recipe
from radin.weights.card_parts import CARD, TAGS, hub_names, joined, plain, section, table, yaml_value
from radin.weights.card_parts import front_matter as hub_metadata
from radin.weights.pool import Pool

#: Entries of the ingredients' cards that hold for their soup where all of them agree.
SHARED = ("license", "license_name", "license_link", "language", "datasets", "pipeline_tag")

#: What the Hub calls the task of a class of transformers, by the end of its name.
PIPELINES = {
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForMultipleChoice": "multiple-choice",
    "ForQuestionAnswering": "question-answering",
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "ForMaskedLM": "fill-mask",
    "ForImageClassification": "image-classification",
    "ForAudioClassification": "audio-classification",
    "ForCTC": "automatic-speech-recognition",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForSemanticSegmentation": "image-segmentation",
    "ForObjectDetection": "object-detection",
}

#: The section of a card about the other files of the folder.
NOTES = "Notes"


def card(pool: Pool, recipe: Recipe, donor: ModelFolder, about: Mapping[str, str]) -> str:
    """The text of `README.md`.

    Arguments:
        pool: of models' folders.
        recipe: of the soup.
        donor: the folder that config and tokenizer come from.
        about: `radin.metric` and `radin.score`, where the soup was evaluated.
    """
    rows = [[plain(pool.names[i]), f"{weight:.6g}"] for i, weight in recipe.parts]
    is_member = donor.path in pool.paths
    home = plain(pool.names[pool.folders.index(donor)]) if is_member else "the base"
    for_mergekit = ", and `mergekit_config.yml` the same for mergekit" if is_member else ""
    weights = f"The weights of this model are the average of those of {recipe.size} fine-tuned models."
    if recipe.size == 1:
        weights = f"The weights of this model are those of {plain(recipe.member_names[0])}."
    notes = f"Config and tokenizer are those of {home}. `radin_recipe.json` holds the recipe{for_mergekit}."
    return joined(
        [
            hub_metadata(front_matter(pool, recipe, donor)),
            "# A model soup",
            f"{weights} Made by radin {VERSION}.",
            selected(about),
            section("Recipe", table(["model", "weight"], rows)),
            section(NOTES, notes),
        ]
    )


def selected(about: Mapping[str, str]) -> str:
    """The soup's score on the data that selected it, in a sentence; empty where it was not evaluated."""
    if "radin.score" not in about:
        return ""
    metric = plain(about.get("radin.metric", "score"))
    return f"Its {metric} on the data that selected it: {float(about['radin.score']):.6f}."


def front_matter(pool: Pool, recipe: Recipe, donor: ModelFolder) -> dict[str, Any]:
    """Facts that the Hub reads of a card: base models, library, tags, task, and what all ingredients state alike.

    Paths on this machine are no names of models, so they are left out.
    """
    members = [folder for i in recipe.members if (folder := pool.folders[i]) is not None]
    stated = [_front_matter_of(folder.path / CARD) for folder in members]
    bases = hub_names(base for folder, own in zip(members, stated, strict=True) for base in _bases(folder, own))
    sentences = (donor.path / "modules.json").is_file()
    shared = {
        name: stated[0][name]
        for name in SHARED
        if name in stated[0] and all(other.get(name) == stated[0][name] for other in stated)
    }
    task = _pipeline(donor)
    return {
        **({"base_model": bases} if bases else {}),
        "library_name": "sentence-transformers" if sentences else "transformers",
        **({"pipeline_tag": task} if task else {}),
        "tags": list(TAGS),
        **shared,
    }


def _bases(folder: ModelFolder, stated: Mapping[str, Any]) -> list[Any]:
    given = stated.get("base_model", folder.config.get("_name_or_path"))
    return given if isinstance(given, list) else [given]


def _pipeline(donor: ModelFolder) -> str | None:
    named = donor.config.get("architectures")
    first = named[0] if isinstance(named, list) and named else ""
    return next((task for end, task in PIPELINES.items() if isinstance(first, str) and first.endswith(end)), None)


def _front_matter_of(path: Path) -> dict[str, Any]:
    """The front matter of an ingredient's card; empty where there is none, or nothing that reads YAML."""
    try:
        import yaml
    except ImportError:
        return {}
    try:
        text = path.read_text(encoding="utf-8")
        found = re.match(r"---\n(.*?)\n---\s*\n", text, re.DOTALL)
        content = yaml.safe_load(found[1]) if found else None
    except (OSError, ValueError, yaml.YAMLError):
        return {}
    return content if isinstance(content, dict) else {}


def mergekit_config(pool: Pool, recipe: Recipe) -> str:
    """The recipe as mergekit's `linear` method takes it; models are named relative to the folder that holds all."""
    home = Path(os.path.commonpath([path.absolute().parent for path in pool.paths]))
    named = [(yaml_value(_relative(pool.paths[i], home)), weight) for i, weight in recipe.parts]
    models = "".join(f"  - model:{name}\n    parameters:\n      weight: {weight!r}\n" for name, weight in named)
    kinds = {info.dtype for info in pool.tensors.values() if info.kind.family == "float"}
    dtype = f"out_dtype: {kinds.pop()}\n" if len(kinds) == 1 else ""
    about = "# Paths are relative to the folder that holds the models.\n"
    return f"{about}models:\n{models}merge_method: linear\ndtype: float32\n{dtype}"


def _relative(path: Path, home: Path) -> str:
    return Path(os.path.relpath(path.absolute(), home)).as_posix()
