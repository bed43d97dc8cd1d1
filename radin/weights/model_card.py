"""The card of a soup's folder, with the front matter that the Hugging Face Hub reads, and its recipe for mergekit."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from radin import __version__
from radin.checkpoints import ModelFolder
from radin.recipe import Recipe
from radin.weights.pool import Pool

#: A model's name on the Hub: with its owner, or one of the old names without.
HUB = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")

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

#: Texts that YAML takes as they are, and the words among them that it takes for something else.
PLAIN, WORDS = re.compile(r"[A-Za-z][\w./-]*"), ("null", "true", "false", "yes", "no", "on", "off", "y", "n")


def card(pool: Pool, recipe: Recipe, donor: ModelFolder, about: Mapping[str, str]) -> str:
    """The text of `README.md`.

    Arguments:
        pool: of models' folders.
        recipe: of the soup.
        donor: the folder that config and tokenizer come from.
        about: `radin.metric` and `radin.score`, where the soup was evaluated.
    """
    front = "".join(f"{name}:{_yaml(value)}\n" for name, value in front_matter(pool, recipe, donor).items())
    rows = "".join(f"| {pool.names[i]} | {recipe.weights[i]:.6g} |\n" for i in recipe.members)
    score = ""
    if "radin.score" in about:
        metric = about.get("radin.metric", "score")
        score = f"\nIts {metric} on the data that selected it: {float(about['radin.score']):.6f}.\n"
    is_member = donor.path in pool.paths
    home = pool.names[pool.folders.index(donor)] if is_member else "the base"
    for_mergekit = ", and `mergekit_config.yml` the same for mergekit" if is_member else ""
    weights = f"The weights of this model are the average of those of {recipe.size} fine-tuned models."
    if recipe.size == 1:
        weights = f"The weights of this model are those of {recipe.member_names[0]}."
    return (
        f"---\n{front}---\n\n# A model soup\n\n"
        f"{weights} Made by radin {__version__}.\n{score}\n"
        f"| model | weight |\n|---|---|\n{rows}\n"
        f"Config and tokenizer are those of {home}. `radin_recipe.json` holds the recipe{for_mergekit}.\n"
    )


def front_matter(pool: Pool, recipe: Recipe, donor: ModelFolder) -> dict[str, Any]:
    """What the Hub reads of a card: models it was made from, library, tags, task, and what all ingredients state alike.

    Paths on this machine are no names of models, so they are left out.
    """
    members = [folder for i in recipe.members if (folder := pool.folders[i]) is not None]
    stated = [_front_matter_of(folder.path / "README.md") for folder in members]
    bases = [base for folder, own in zip(members, stated, strict=True) for base in _bases(folder, own)]
    sentences = (donor.path / "modules.json").is_file()
    shared = {
        name: stated[0][name]
        for name in SHARED
        if name in stated[0] and all(other.get(name) == stated[0][name] for other in stated)
    }
    task = _pipeline(donor)
    return {
        **({"base_model": list(dict.fromkeys(bases))} if bases else {}),
        "library_name": "sentence-transformers" if sentences else "transformers",
        **({"pipeline_tag": task} if task else {}),
        "tags": ["merge", "radin", "model-soup"],
        **shared,
    }


def _bases(folder: ModelFolder, stated: Mapping[str, Any]) -> list[str]:
    given = stated.get("base_model", folder.config.get("_name_or_path"))
    names = given if isinstance(given, list) else [given]
    return [name for name in names if isinstance(name, str) and HUB.fullmatch(name) and not Path(name).exists()]


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
    models = "".join(
        f"  - model:{_yaml(_relative(pool.paths[i], home))}\n    parameters:\n      weight: {recipe.weights[i]!r}\n"
        for i in recipe.members
    )
    kinds = {info.dtype for info in pool.tensors.values() if info.kind.family == "float"}
    dtype = f"out_dtype: {kinds.pop()}\n" if len(kinds) == 1 else ""
    about = "# Paths are relative to the folder that holds the models.\n"
    return f"{about}models:\n{models}merge_method: linear\ndtype: float32\n{dtype}"


def _relative(path: Path, home: Path) -> str:
    return Path(os.path.relpath(path.absolute(), home)).as_posix()


def _yaml(value: Any) -> str:
    """What follows a colon in YAML, of which JSON is a part; lists of texts one a line."""
    if isinstance(value, Sequence) and not isinstance(value, str) and all(isinstance(one, str) for one in value):
        return "".join(f"\n-{_yaml(one)}" for one in value)
    plain = isinstance(value, str) and PLAIN.fullmatch(value) and value.lower() not in WORDS
    return f" {value if plain else json.dumps(value, ensure_ascii=False)}"
