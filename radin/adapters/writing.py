"""Writes the soup of adapters as a folder that PEFT loads."""

from __future__ import annotations

import os
import re
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from radin.adapters.adapter import WEIGHTS, pattern_name
from radin.adapters.config import CONFIG
from radin.adapters.pool import AdapterPool
from radin.checkpoints import open_checkpoint
from radin.common.files import write_json
from radin.errors import IncompatibleError, InputError, RadinError, StorageError
from radin.recipe import Recipe, RecipeLike
from radin.weights.averaging import average
from radin.weights.merge_plan import as_recipe

#: Settings that say which modules are adapted.
TARGETS = ("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern")


def soup_config(pool: AdapterPool, recipe: Recipe) -> dict[str, Any]:
    """The settings of a recipe's soup, as `adapter_config.json` holds them: those of the heaviest member but for ranks.

    The factors hold weights and scales, so alpha is the rank in every module and the scale 1.

    Raises:
        IncompatibleError: PEFT has no settings for it: `lora_bias` together with embeddings.
    """
    heaviest = pool.adapters[max(recipe.members, key=recipe.weights.__getitem__)].config
    settings = dict(heaviest.values)
    if pool.is_copy(recipe):
        return settings
    has_bias = pool.has_bias(recipe)
    if has_bias and any(module.kind == "embedding" for module in pool.modules.values()):
        raise IncompatibleError("PEFT has no adapters with lora_bias that adapt embeddings too; leave one sort out.")
    ranks = pool.ranks(recipe)
    usual = Counter(ranks.values()).most_common(1)[0][0]
    pattern = {
        f"^{re.escape(pattern_name(key))}": rank for key, rank in sorted(ranks.items()) if rank != usual
    }  # PEFT matches names by their end as well, but for the sign of the beginning
    settings |= {"r": usual, "lora_alpha": usual, "rank_pattern": pattern, "alpha_pattern": dict(pattern)}
    settings |= {"use_rslora": False, "lora_bias": has_bias, "init_lora_weights": True, "inference_mode": True}
    settings |= {"loftq_config": {}, "eva_config": None}
    chosen = [[pool.adapters[i].config.values.get(name) for name in TARGETS] for i in recipe.members]
    if any(one != chosen[0] for one in _comparable(chosen)):
        names = sorted({pattern_name(key) for key in ranks})
        settings |= {"target_modules": names} | dict.fromkeys(TARGETS[1:])
    saved = {name for i in recipe.members for name in pool.adapters[i].config.values.get("modules_to_save") or ()}
    settings["modules_to_save"] = sorted(saved) or None
    return settings


def _comparable(chosen: list[list[Any]]) -> list[list[Any]]:
    """The same, with lists in sorted order, since PEFT writes sets."""
    for row in chosen:
        row[:] = [sorted(map(str, value)) if isinstance(value, list) else value for value in row]
    return chosen


def write_adapter(pool: AdapterPool, recipe: Recipe | RecipeLike, folder: str | os.PathLike[str], **how: Any) -> Path:
    """Writes a recipe's soup as a folder that `peft.PeftModel.from_pretrained` loads.

    The folder appears under its name when it is complete; one that radin wrote there before is replaced.

    Arguments:
        pool: the adapters.
        recipe: as for `radin.average`.
        folder: to write.
        how: `batchnorm`, `metadata`, `replace` and `keep`, as for `radin.average`.

    Returns:
        the folder.

    Raises:
        InputError: something else is there, or the recipe does not fit the pool.
        CheckpointError, IncompatibleError, StorageError: as `radin.average` raises them.
    """
    recipe = as_recipe(pool, recipe)
    settings = soup_config(pool, recipe)
    with folder_aside(Path(folder).expanduser(), refuse=pool.files) as aside:
        average(pool, recipe, aside / WEIGHTS[0], **how)
        write_json(aside / CONFIG, settings)
    return Path(folder)


@contextmanager
def folder_aside(target: Path, *, refuse: Sequence[Path] = ()) -> Iterator[Path]:
    """A folder beside `target` to write into, which takes its name when the block ends without error.

    Raises:
        InputError: at `target` is something else than a soup of radin's, or one of the files in `refuse`.
        StorageError: no folder can be made there.
    """
    held = [path.resolve() for path in refuse]
    if target.exists() and (any(target.resolve() in path.parents for path in held) or not _is_soup(target)):
        raise InputError(f"{target} is there already, and is no soup that radin wrote; choose another folder")
    aside = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        yield aside
        if target.exists():
            shutil.rmtree(target)
        aside.rename(target)
    except OSError as error:
        if isinstance(error, StorageError):
            raise
        raise StorageError(
            error.errno, f"{target}: could not be written ({error.strerror}); write elsewhere"
        ) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _is_soup(folder: Path) -> bool:
    """Whether a folder is empty, or holds a soup that radin wrote."""
    if not folder.is_dir():
        return False
    files = list(folder.iterdir())
    try:
        return not files or any(
            "radin.recipe" in open_checkpoint(one).metadata for one in files if one.suffix == ".safetensors"
        )
    except RadinError:
        return False
