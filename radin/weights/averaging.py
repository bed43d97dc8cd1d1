"""Streams a recipe into one file: tiles are read, averaged and written, so memory depends neither on N nor on size."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from radin import __version__
from radin.checkpoints.output import Output
from radin.checkpoints.safetensors import MODULES, encode_header
from radin.checkpoints.sharding import index_of, shard_paths, shares, superseded, written_for
from radin.common.files import check_place, remove_parts_of_the_dead, written_aside
from radin.errors import InputError, MissingFileError
from radin.recipe import Recipe, RecipeLike
from radin.weights.merge_plan import Step, as_recipe
from radin.weights.mixer import Mixer
from radin.weights.pool import Pool
from radin.weights.tiling import Workspace, share_out, spans


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
        path: the `.safetensors` file to write; one that exists is replaced, and so are its shards and their index.
        batchnorm: what becomes of BatchNorm's running mean and variance from two members on: `average` (the default),
            `keep` those of the member with the largest weight (the first of them in pool order), or `recompute`, which
            needs data: `radin.make_soup` computes them and passes them as `replace`.
        metadata: more strings to keep in the file.
        replace: `{name: values}` of tensors to write as given, cast to the stored dtype.
        keep: names of tensors that are not averaged but those of the member with the largest weight, such as a
            queue's pointer; default: the pool's `keep`.
        max_shard_size: bytes of tensors in one file, at most (a larger tensor has one of its own). A soup that takes
            more is written as `NAME-00001-of-0000N.safetensors` and so on, and an index `NAME.safetensors.index.json`,
            as Hugging Face's libraries do. By default there is one file, whatever its size.

    Returns:
        the path of the file, or of the index.

    Raises:
        InputError: the recipe does not fit the pool, an unknown policy, or a path that cannot hold a soup.
        CheckpointError: an ingredient holds NaN, or changed since the pool was made, be it while it was read.
        IncompatibleError: integer tensors differ, or an average overflows.
        StorageError: the disk is full, or writing failed otherwise.
    """
    target = Path(path).expanduser()
    shards = [pool.tensors] if max_shard_size is None else shares(pool.tensors, max_shard_size)
    old = superseded(target, len(shards))
    _check_target(target, [*written_for(target, len(shards)), *old], pool.files)
    recipe = as_recipe(pool, recipe)
    remove_parts_of_the_dead(target.absolute().parent)
    notes = _metadata(recipe, batchnorm, metadata or {}, pool)
    with Mixer(pool, recipe, batchnorm=batchnorm, replace=replace, keep=keep) as mixer, ExitStack() as stack:
        # What is entered first is renamed last: an index appears when all of its shards are there.
        written = target if len(shards) == 1 else stack.enter_context(index_of(target, shards, notes))
        places: dict[str, tuple[Output, int]] = {}
        for path, tensors in zip(shard_paths(target, len(shards)), shards, strict=True):
            header, offsets, size = encode_header(tensors, notes)
            # Waiting for the disk takes as long as all the rest, and a soup can be built again from its recipe.
            output = Output(stack.enter_context(written_aside(path, durable=False)), path, size)
            output.write(header, 0)
            places |= {name: (output, offset) for name, offset in offsets.items()}
        share_out(
            [(step, span) for step in mixer.steps for span in spans(step.info.numel)],
            _Writer(mixer, places),
        )
        mixer.check_unchanged()
        if written != target:  # shards of an older soup are about to be replaced one by one
            written.unlink(missing_ok=True)
    for path in old:
        path.unlink(missing_ok=True)
    return written


class _Writer:
    def __init__(self, mixer: Mixer, places: Mapping[str, tuple[Output, int]]) -> None:
        self._mixer = mixer
        self._places = places

    def __call__(self, job: tuple[Step, list[tuple[int, int]]], space: Workspace) -> None:
        step, pieces = job
        output, offset = self._places[step.name]
        for start, stop in pieces:
            result = self._mixer.tile(step, start, stop, space)
            output.write(result.data, offset + start * step.info.kind.itemsize)


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


def _metadata(recipe: Recipe, batchnorm: str, more: Mapping[str, str], pool: Pool) -> dict[str, str]:
    own = {
        "format": "pt",
        "radin.recipe": recipe.dumps(),
        "radin.version": __version__,
        "radin.batchnorm": batchnorm,
        **pool.aliases,
    }
    if pool.extra_state or pool.versions:
        own[MODULES] = json.dumps({"extra_state": dict(pool.extra_state), "versions": dict(pool.versions)})
    for key, value in more.items():
        if not isinstance(key, str) or not isinstance(value, str):
            raise InputError(f"metadata are strings by name, got {key!r}: {value!r}")
        if key in own:
            raise InputError(f"metadata: {key!r} is written by radin itself; choose another name")
    return {**pool.metadata, **own, **more}
