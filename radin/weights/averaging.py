"""Streams a recipe into one file: tiles are read, averaged and written, so memory depends neither on N nor on size."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from radin.checkpoints.sharding import index_of, shard_paths, shares, superseded, written_for
from radin.common.files import check_place, remove_parts_of_the_dead
from radin.errors import InputError, MissingFileError
from radin.recipe import Recipe, RecipeLike
from radin.weights.folder_output import write_folder
from radin.weights.merge_plan import as_recipe
from radin.weights.mixer import mixer_of
from radin.weights.pool import Pool
from radin.weights.soup_files import soup_notes, write_soup_files


def average(
    pool: Pool,
    recipe: Recipe | RecipeLike,
    path: str | os.PathLike[str],
    *,
    batchnorm: str = "average",
    metadata: Mapping[str, str] | None = None,
    replace: Mapping[str, Any] | None = None,
    keep: Collection[str] | None = None,
    max_shard_size: int | None = None,
) -> Path:
    """Writes the soup of one recipe: the weighted average of the ingredients' weights.

    Each term is the weight, rounded to float32, times the ingredient's value; terms are added in float32 (float64 for
    float64) in pool order, and the sum is rounded to the stored dtype, to nearest even. A tensor whose bytes are equal
    in all members is copied, so a soup of one ingredient has that ingredient's tensors. Integers and booleans are
    copied where equal and refused otherwise, except `num_batches_tracked`, which takes the largest. Tied tensors are
    averaged once and stay tied, in the convention of `safetensors.torch.save_model`. Weights that PyTorch stores as
    functions of several tensors (spectral norm, weight norm) are averaged as the weights that they stand for, see
    `radin.weights.coupled`.

    The file appears under its name only when it is complete. Its metadata hold what all ingredients have in theirs, the
    recipe as JSON (`radin.recipe`), the version (`radin.version`) and the BatchNorm policy (`radin.batchnorm`); and
    the extra state and the versions of modules, which are no tensors, as JSON (`radin.modules`). A network that needs
    those takes `radin.Pool(path).state_dict(0)`.

    Arguments:
        pool: the ingredients.
        recipe: a recipe over the pool, or `n` weights that sum to 1, or a mask of `n` booleans, or `{name: weight}` as
            `leaderboard.json` has it, or names of ingredients, which are then taken in equal parts.
        path: the `.safetensors` file to write; one that exists is replaced, and so are its shards and their index. Of a
            pool of models' folders it may be a folder, which gets the weights and all that is needed to load them, see
            `radin.weights.folder_output`.
        batchnorm: what becomes of BatchNorm's running mean and variance from two members on: `average` (the default),
            `keep` those of the member with the largest weight (the first of them in pool order), or `recompute`, which
            needs data: `radin.make_soup` computes them and passes them as `replace`.
        metadata: more strings to keep in the file.
        replace: `{name: values}` of tensors to write as given, cast to the stored dtype.
        keep: names of tensors that are not averaged but those of the member with the largest weight, such as a
            queue's pointer; default: the pool's `keep`.
        max_shard_size: bytes of tensors in one file, at most (a larger tensor has one of its own). A soup that takes
            more is written as `NAME-00001-of-0000N.safetensors` and so on, and an index `NAME.safetensors.index.json`,
            as Hugging Face's libraries do. By default there is one file, whatever its size; in a folder as many as the
            ingredients have.

    Returns:
        the path of the file, of the index, or of the folder.

    Raises:
        InputError: the recipe does not fit the pool, an unknown policy, or a path that cannot hold a soup.
        CheckpointError: an ingredient holds NaN, or changed since the pool was made, be it while it was read.
        IncompatibleError: integer tensors differ, or an average overflows.
        StorageError: the disk is full, or writing failed otherwise.
    """
    target = Path(path).expanduser()
    recipe = as_recipe(pool, recipe)
    if pool.is_folders and target.suffix != ".safetensors":
        soup: dict[str, Any] = {"batchnorm": batchnorm, "metadata": metadata or {}, "replace": replace, "keep": keep}
        return write_folder(pool, recipe, target, **soup, max_shard_size=max_shard_size)
    held = pool.header(recipe)
    shards = [held] if max_shard_size is None else shares(held, max_shard_size)
    old = superseded(target, len(shards))
    _check_target(target, [*written_for(target, len(shards)), *old], pool.files)
    remove_parts_of_the_dead(target.absolute().parent)
    notes = soup_notes(recipe, batchnorm, metadata or {}, pool)
    with mixer_of(pool, recipe, batchnorm=batchnorm, replace=replace, keep=keep) as mixer, ExitStack() as stack:
        notes |= mixer.notes
        # What is entered first is renamed last: an index appears when all of its shards are there.
        written = target if len(shards) == 1 else stack.enter_context(index_of(target, shards, notes))
        paths = shard_paths(target, len(shards))
        layout = {path: {name: name for name in tensors} for path, tensors in zip(paths, shards, strict=True)}
        write_soup_files(mixer, layout, notes, stack)
        if written != target:  # shards of an older soup are about to be replaced one by one
            written.unlink(missing_ok=True)
    for path in old:
        path.unlink(missing_ok=True)
    return written


def _check_target(target: Path, files: Sequence[Path], ingredients: Sequence[Path]) -> None:
    if target.suffix != ".safetensors":
        raise InputError(
            f"soups are written as safetensors: expected a path ending in .safetensors, got {str(target)!r}"
        )
    for file in files:
        check_place(file)
    if not target.absolute().parent.is_dir():
        raise MissingFileError(f"no such folder: {target.parent}. Make it first.")
    refuse_ingredients(files, ingredients)


def refuse_ingredients(files: Sequence[Path], ingredients: Sequence[Path]) -> None:
    """Refuses to write a soup over what it is made from.

    Arguments:
        files: that are to be written.
        ingredients: all files of the pool.

    Raises:
        InputError: one of the files belongs to an ingredient, under whatever name.
    """
    known = {(stat.st_dev, stat.st_ino) for stat in (path.stat() for path in ingredients if path.exists())}
    for file in files:
        if file.exists() and (file.stat().st_dev, file.stat().st_ino) in known:
            raise InputError(f"{file} belongs to one of the ingredients; writing the soup there would lose it")
