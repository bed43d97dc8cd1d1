"""Writes the soup of adapters as a folder that PEFT loads."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from radin.adapters.adapter import WEIGHTS, Adapter, pattern_name
from radin.adapters.config import CONFIG
from radin.adapters.pool import AdapterPool
from radin.checkpoints import SUFFIXES, open_checkpoint, suffix_of
from radin.common.files import remove_parts_of_the_dead, write_json
from radin.common.folders import folder_aside
from radin.common.version import VERSION
from radin.common.wording import counted
from radin.errors import IncompatibleError, InputError
from radin.recipe import Recipe
from radin.weights.averaging import average
from radin.weights.card_parts import CARD, TAGS, front_matter, hub_names, joined, plain, section, table
from radin.weights.folder_output import LARGEST, PASSED_OVER, RECIPE, check_target
from radin.weights.model_card import NOTES, selected

#: Settings that say which modules are adapted.
TARGETS = ("target_modules", "exclude_modules", "layers_to_transform", "layers_pattern")


def soup_config(pool: AdapterPool, recipe: Recipe) -> dict[str, Any]:
    """The settings of a recipe's soup, as `adapter_config.json` holds them: those of the heaviest member but for ranks.

    The factors hold weights and scales, so alpha is the rank in every module and the scale 1.

    Raises:
        IncompatibleError: PEFT has no settings for it: `lora_bias` together with embeddings.
    """
    settings = dict(pool.adapters[recipe.heaviest].config.values)
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


def write_adapter(
    pool: AdapterPool,
    recipe: Recipe,
    target: Path,
    *,
    batchnorm: str = "average",
    metadata: Mapping[str, str] | None = None,
    replace: Mapping[str, Any] | None = None,
    keep: Collection[str] | None = None,
    max_shard_size: int | None = None,
) -> Path:
    """Writes a recipe's soup as a folder that `peft.PeftModel.from_pretrained` loads, see `radin.average`.

    What lies beside the weights of the heaviest member, such as its tokenizer, is copied.

    Arguments:
        pool: the adapters.
        recipe: over the pool.
        target: the folder to write; one that is empty or an earlier soup is replaced.
        batchnorm, metadata, replace, keep: as for `radin.average`.
        max_shard_size: refused, as PEFT reads one file.

    Returns:
        the folder.

    Raises:
        InputError: the folder holds something else than a soup, or an ingredient.
        CheckpointError, IncompatibleError, StorageError: as `radin.average` raises them.
    """
    if max_shard_size is not None:
        raise InputError("an adapter is one file, which PEFT reads whole; leave the size of shards out")
    check_target(target, pool.files)
    settings, about = soup_config(pool, recipe), dict(metadata or {})
    remove_parts_of_the_dead(target.absolute().parent)
    how: dict[str, Any] = {"batchnorm": batchnorm, "replace": replace, "keep": keep}
    with folder_aside(target) as made:
        for file in _companions(pool.adapters[recipe.heaviest]):
            shutil.copyfile(file, made / file.name)
        average(pool, recipe, made / WEIGHTS[0], metadata=about, **how)
        write_json(made / CONFIG, settings)
        notes = open_checkpoint(made / WEIGHTS[0]).metadata
        account = {"version": VERSION, "recipe": recipe.to_json(), "rank": pool.rank}
        account |= {key.removeprefix("radin."): value for key, value in (about | _of_rank(notes)).items()}
        write_json(made / RECIPE, account)
        (made / CARD).write_text(_card(pool, recipe, about | _of_rank(notes)), encoding="utf-8")
    return target


def share_lost(soup: Path) -> float | None:
    """The share of energy that an adapter's soup lost as its rank was cut; None where nothing was cut."""
    file = soup / WEIGHTS[0]
    lost = open_checkpoint(file).metadata.get("radin.lost") if file.is_file() else None
    return None if lost is None else float(lost)


def _companions(adapter: Adapter) -> list[Path]:
    """Files beside an adapter's weights that belong to it: a tokenizer, a template of chats."""
    return [
        file
        for file in sorted(adapter.folder.iterdir())
        if file.is_file()
        and file.name != CONFIG
        and suffix_of(file).lower() not in SUFFIXES
        and not PASSED_OVER.fullmatch(file.name)
        and file.stat().st_size <= LARGEST
    ]


def _of_rank(notes: Mapping[str, str]) -> dict[str, str]:
    return {key: notes[key] for key in ("radin.lost",) if key in notes}


def _card(pool: AdapterPool, recipe: Recipe, about: Mapping[str, str]) -> str:
    """The text of the card, with the front matter that the Hugging Face Hub reads."""
    bases = hub_names([pool.base.name])
    front = ({"base_model": bases[0]} if bases else {}) | {"library_name": "peft", "tags": [*TAGS, "lora"]}
    rows = [[plain(pool.names[i]), f"{weight:.6g}"] for i, weight in recipe.parts]
    notes = ""
    if "radin.lost" in about:
        lost = float(about["radin.lost"])
        notes = f"Its rank was cut to {pool.rank}, which lost {lost:.4%} of the energy of the exact average."
    return joined(
        [
            front_matter(front),
            "# A soup of adapters",
            f"The update of this adapter is the average of those of {counted(recipe.size, 'adapter')}, made by radin "
            f"{VERSION}.",
            selected(about),
            section("Recipe", table(["adapter", "weight"], rows)),
            notes and section(NOTES, notes),
        ]
    )
