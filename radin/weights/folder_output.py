"""A soup as a complete folder: its weights, and all that is needed to load them, as the ingredients' folders have it.

Config, tokenizer, processor and generation settings are copied from the recipe's heaviest member, byte for byte. A card
(`README.md`), the recipe (`radin_recipe.json`) and the same for mergekit (`mergekit_config.yml`) are added. The folder
is written aside and renamed, so that a reader never finds a part of it, nor old shards among new ones.
"""

from __future__ import annotations

import json
import os
import re
import shutil
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from functools import singledispatch
from pathlib import Path
from typing import Any

from radin.checkpoints import SUFFIXES, ModelFolder, suffix_of
from radin.checkpoints.model_folder import CONFIG
from radin.checkpoints.sharded import INDEX, SHARD
from radin.checkpoints.sharding import shard_paths, shares
from radin.common.files import fault_of_place, remove_parts_of_the_dead
from radin.common.folders import folder_aside
from radin.common.version import VERSION
from radin.errors import InputError, StorageError
from radin.recipe import Recipe
from radin.weights.card_parts import CARD
from radin.weights.mixer import mixer_of
from radin.weights.model_card import card, mergekit_config
from radin.weights.pool import Pool
from radin.weights.soup_files import soup_notes, write_soup_files

#: The recipe in a soup's folder; it marks the folder as a soup, which may be written over.
RECIPE = "radin_recipe.json"

#: What the weights are called, whatever the ingredients call theirs.
WEIGHTS = "model.safetensors"

#: Files that are not copied, beside weights: of a training run, of its evaluation, of a repository; and the card.
PASSED_OVER = re.compile(
    r"trainer_state\.json|training_args.*|.*_results\.json|.*\.index(\.\w+)?\.json|README(\.\w+)?|mergekit_config\.yml"
    r"|events\.out.*|.*\.(log|csv|pkl|npz|npy|onnx|gguf|h5|msgpack|ot|tflite|zip)|\..*|" + re.escape(RECIPE),
    re.IGNORECASE,
)

#: Folders that belong to a model beside those of its modules.
FOLDERS = ("additional_chat_templates",)

#: The largest file that is copied, in bytes; chosen by hand: vocabularies take tens of megabytes.
LARGEST = 200_000_000


@singledispatch
def write_folder(pool: Pool, recipe: Recipe, target: Path, **how: Any) -> Path:
    """Writes a soup as a folder, by the function that is registered for the kind of pool.

    Arguments:
        pool: one whose soups can be folders, see `Pool.is_folders`.
        recipe: over the pool.
        target: the folder to write; one that is empty or an earlier soup is replaced.
        how: as for `write_model_folder`.

    Returns:
        the folder.
    """
    return write_model_folder(pool, recipe, target, **how)


def write_model_folder(
    pool: Pool,
    recipe: Recipe,
    target: Path,
    *,
    batchnorm: str,
    metadata: Mapping[str, str],
    replace: Mapping[str, Any] | None = None,
    keep: Collection[str] | None = None,
    max_shard_size: int | None = None,
) -> Path:
    """Writes a soup of models' folders as such a folder, see `radin.weights.averaging.average`.

    Arguments:
        pool: of models' folders alone.
        recipe: over the pool.
        target: the folder to write; one that is empty or an earlier soup is replaced.
        batchnorm, metadata, replace, keep, max_shard_size: as for `average`.

    Returns:
        the folder.

    Raises:
        InputError: the folder holds something else than a soup, or an ingredient.
        CheckpointError, IncompatibleError, StorageError: as `average` raises them.
    """
    check_target(target, pool.files)
    donor = _donor(pool, recipe)
    notes = soup_notes(recipe, batchnorm, metadata, pool)
    remove_parts_of_the_dead(target.absolute().parent)
    with mixer_of(pool, recipe, batchnorm=batchnorm, replace=replace, keep=keep) as mixer, folder_aside(target) as made:
        for source, name in companions(donor):
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, made / name)
        _put_classes_right(made / CONFIG, pool, donor)
        layout: dict[Path, Mapping[str, str]] = {}
        for part in donor.parts:
            (made / part).mkdir(parents=True, exist_ok=True)
            files = _files_of(pool, donor, part, made / part / WEIGHTS, max_shard_size)
            _write_index(made / part / WEIGHTS, files, pool)
            layout |= files
        with ExitStack() as stack:
            write_soup_files(mixer, layout, notes, stack)
        _write(made / RECIPE, json.dumps(_account(pool, recipe, notes, metadata), indent=2, ensure_ascii=False) + "\n")
        if donor.path in pool.paths:  # else the ingredients are no models by themselves
            _write(made / "mergekit_config.yml", mergekit_config(pool, recipe))
        _write(made / CARD, card(pool, recipe, donor, metadata))
    return target


def check_target(target: Path, ingredients: Sequence[Path]) -> None:
    """Refuses a place for a soup's folder that holds something else.

    Arguments:
        target: the folder to write.
        ingredients: all files of the pool.

    Raises:
        InputError: it holds an ingredient, or files that are no soup of radin's.
        StorageError: no folder can be written there.
    """
    place = target.resolve()
    held = next((file for file in ingredients if place in file.resolve().parents), None)
    if held is not None:
        raise InputError(
            f"{target} holds {held}, which is one of the ingredients; writing the soup there would lose it"
        )
    if target.is_dir():
        if any(target.iterdir()) and not (target / RECIPE).is_file():
            raise InputError(f"the folder {target} holds files that are no soup of radin's; choose another one")
    elif fault := fault_of_place(target):
        raise StorageError(f"{target}: cannot be written: {fault}; write elsewhere")


def _donor(pool: Pool, recipe: Recipe) -> ModelFolder:
    """The folder of the member with the largest weight, the first of them in pool order."""
    folder = pool.folders[recipe.heaviest]
    if folder is None:
        raise InputError(f"{pool.paths[recipe.heaviest]} is a file, so there is no config for a soup's folder")
    return folder


def companions(donor: ModelFolder) -> list[tuple[Path, Path]]:
    """The files of a folder that belong to its model beside the weights: each, and its place in the folder."""
    places = [*dict.fromkeys(["", *donor.modules]), *FOLDERS]
    found = []
    for place in places:
        folder = donor.path / place
        for file in sorted(folder.iterdir()) if folder.is_dir() else []:
            weights = suffix_of(file).lower() in SUFFIXES
            if (
                file.is_file()
                and not weights
                and not PASSED_OVER.fullmatch(file.name)
                and file.stat().st_size <= LARGEST
            ):
                found.append((file, Path(place) / file.name))
    return found


def _files_of(pool: Pool, donor: ModelFolder, part: str, target: Path, most: int | None) -> dict[Path, dict[str, str]]:
    """The files of one part of the model: `{name in the file: name in the pool}` of each.

    They are those of the donor, unless a size is given.
    """
    others = [f"{other}/" for other in donor.parts if other and other != part]
    names = {
        name.removeprefix(f"{part}/" if part else ""): name
        for name in pool.tensors
        if (name.startswith(f"{part}/") if part else not any(name.startswith(other) for other in others))
    }
    if most is not None:
        shards = shares({stored: pool.tensors[name] for stored, name in names.items()}, most)
        paths = shard_paths(target, len(shards))
        return {path: {stored: names[stored] for stored in shard} for path, shard in zip(paths, shards, strict=True)}
    home = donor.sharding.get(part, {})
    if not home or not all(stored in home for stored in names):
        return {target: names}
    files: dict[Path, dict[str, str]] = {}
    for stored, name in sorted(names.items(), key=lambda item: (home[item[0]], item[0])):
        files.setdefault(target.with_name(_as_safetensors(home[stored])), {})[stored] = name
    return files


def _as_safetensors(shard: str) -> str:
    """The name of a shard in the format that soups are written in: `model-00001-of-00002.safetensors`."""
    place = SHARD.search(Path(shard).stem)
    return f"model{place[0]}.safetensors" if place else f"{Path(shard).stem}.safetensors"


def _write_index(target: Path, files: Mapping[Path, Mapping[str, str]], pool: Pool) -> None:
    """Writes the index of several files, as `save_pretrained` does; of one file there is none."""
    if set(files) == {target}:
        return
    infos = [pool.tensors[name] for names in files.values() for name in names.values()]
    metadata = {"total_parameters": sum(one.numel for one in infos), "total_size": sum(one.nbytes for one in infos)}
    home = {stored: path.name for path, names in files.items() for stored in names}
    content = {"metadata": metadata, "weight_map": dict(sorted(home.items()))}
    _write(target.with_name(target.name + INDEX), json.dumps(content, indent=2) + "\n")


def _put_classes_right(config: Path, pool: Pool, donor: ModelFolder) -> None:
    """Gives the config the order of classes that the soup's head has, where the donor had another one."""
    if pool.class_names is None or donor.class_names in (None, pool.class_names) or not config.is_file():
        return
    classes = dict(enumerate(pool.class_names))
    changed = donor.config | {
        "id2label": {str(place): name for place, name in classes.items()},
        "label2id": {name: place for place, name in classes.items()},
    }
    _write(config, json.dumps(changed, indent=2, sort_keys=True, ensure_ascii=False) + "\n")


def _account(pool: Pool, recipe: Recipe, notes: Mapping[str, str], metadata: Mapping[str, str]) -> dict[str, Any]:
    return {
        "version": VERSION,
        "recipe": recipe.to_json(),
        "batchnorm": notes["radin.batchnorm"],
        "ingredients": {pool.names[i]: os.path.relpath(pool.paths[i], _common(pool)) for i in recipe.members},
        **{key.removeprefix("radin."): value for key, value in metadata.items()},
    }


def _common(pool: Pool) -> Path:
    return Path(os.path.commonpath([path.absolute().parent for path in pool.paths]))


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")
