"""Plans a soup tensor by tensor: each is copied, averaged, the largest, or given; decided before anything is mixed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NoReturn, get_args

import numpy as np

from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.names import is_counter
from radin.common.suggestions import nearest
from radin.common.wording import shown
from radin.errors import IncompatibleError, InputError
from radin.recipe import Recipe, RecipeLike
from radin.weights.coupled import refuse_difference
from radin.weights.pool import Pool
from radin.weights.tiling import TILE

#: What becomes of BatchNorm's running mean and variance: their average; those of the member with the largest weight; or
#: (by whoever has data, see `radin.batchnorm`) statistics computed anew. `recompute` without new statistics averages.
BatchNorm = Literal["average", "keep", "recompute"]

#: Bytes that are compared first when members are told apart; fine-tuned tensors nearly always differ there.
GLANCE = 4_096

#: What BatchNorm's running statistics are called.
STATISTICS = ("running_mean", "running_var")

#: How names end of tensors that are kept, and of the tensors that are kept with them.
PARTNERS = {"zero_point": "scale", "zero_points": "scales", "_ptr": "", "_pointer": ""}

Action = Literal["copy", "average", "largest", "given"]


@dataclass(frozen=True)
class Step:
    """One tensor of a soup.

    Arguments:
        name: the tensor.
        info: its dtype and shape.
        action: `copy` the first source; `average` the sources; the `largest` of them, element by element; or `given`.
        sources: indices of the ingredients to read.
        weights: their mixing weights.
    """

    name: str
    info: TensorInfo
    action: Action
    sources: tuple[int, ...] = ()
    weights: tuple[float, ...] = ()


def check_policy(batchnorm: str) -> None:
    """Raises InputError for a BatchNorm policy that does not exist."""
    if batchnorm not in get_args(BatchNorm):
        raise InputError(f"unknown BatchNorm policy {batchnorm!r}; expected one of {', '.join(get_args(BatchNorm))}")


def has_statistics(pool: Pool) -> bool:
    """Whether the ingredients have BatchNorm statistics at all; without them every policy gives the same soups."""
    return any(name.rpartition(".")[2] in STATISTICS for name in pool.tensors)


def as_recipe(pool: Pool, recipe: Recipe | RecipeLike) -> Recipe:
    """A recipe over the pool, from one or from what `Recipe.of` takes.

    A recipe over a part of the pool, such as those that ran in full in a race, says the same by its members' names.

    Raises:
        InputError: a member is not in the pool, or no recipe.
    """
    if not isinstance(recipe, Recipe):
        return Recipe.of(pool.names, recipe)
    if recipe.names == pool.names:
        return recipe
    if strange := [name for name in recipe.member_names if name not in pool.names]:
        more = f", and {len(strange) - 3} more" if len(strange) > 3 else ""
        raise InputError(
            f"the recipe takes {', '.join(map(shown, strange[:3]))}{more}, and the pool has no such ingredient; give "
            "the pool that the recipe is of"
        )
    return Recipe.of(pool.names, recipe.to_json())


def plan_steps(
    pool: Pool,
    recipe: Recipe,
    readers: Mapping[int, Reader],
    batchnorm: str,
    given: Collection[str] = (),
    keep: Collection[str] = (),
) -> list[Step]:
    """One step for each tensor that the pool stores, in its order.

    Arguments:
        pool: the ingredients.
        recipe: over the pool's names.
        readers: open readers of at least the members.
        batchnorm: see `BatchNorm`; matters from two members on.
        given: tensors whose values are given instead of mixed.
        keep: tensors that are those of the member with the largest weight, such as counters that differ.

    Raises:
        InputError: an unknown policy, or a name in `keep` that the pool does not have.
        IncompatibleError: tensors that cannot be averaged differ.
    """
    check_policy(batchnorm)
    kept = kept_names(pool, keep)
    steps = []
    for name, info in pool.tensors.items():
        if name in given:
            steps.append(Step(name, info, "given"))
            continue
        other = _first_difference(name, info, [(i, readers[i]) for i in recipe.members])
        if other is not None and name in kept:
            steps.append(Step(name, info, "copy", (recipe.heaviest,)))
            continue
        if other is not None:
            refuse_difference(pool, name, recipe.members[0], other, readers)
        steps.append(_step(pool, recipe, batchnorm, name, other))
    return steps


def kept_names(pool: Pool, keep: Collection[str]) -> frozenset[str]:
    """The names under which the pool stores the tensors in `keep`, and those that are nothing without them.

    With a zero point comes the scale that it belongs to, and with a queue's pointer the queue.

    Raises:
        InputError: the pool does not have one of them, or `keep` is a single text.
    """
    if isinstance(keep, str):
        raise InputError(f"keep is a list of names, got the text {keep!r}: write keep=({keep!r},)")
    names = frozenset(pool.aliases.get(name, name) for name in keep)
    unknown = next((name for name in names if name not in pool.tensors), None)
    if unknown is not None:
        raise InputError(
            f"keep names tensor {shown(unknown)}, which the pool does not have; {nearest(unknown, pool.tensors)}"
        )
    partners = {
        other for name in names for end, other_end in PARTNERS.items() for other in [_renamed(name, end, other_end)]
    }
    return names | (partners & pool.tensors.keys())


def _renamed(name: str, end: str, other: str) -> str:
    return name.removesuffix(end) + other if name.endswith(end) else ""


def _step(pool: Pool, recipe: Recipe, batchnorm: str, name: str, other: int | None) -> Step:
    """The step of a tensor that is mixed; `other` is a member that differs from the first."""
    info, members = pool.tensors[name], recipe.members
    if other is None:
        return Step(name, info, "copy", members[:1])
    last = name.rpartition(".")[2]
    if info.kind.family == "whole" and is_counter(name):
        return Step(name, info, "largest", members)
    if info.kind.family != "float":
        _refuse_difference(name, info, pool.paths[members[0]], pool.paths[other])
    if batchnorm == "keep" and last in STATISTICS:
        return Step(name, info, "copy", (recipe.heaviest,))
    return Step(name, info, "average", members, recipe.member_weights)


def _refuse_difference(name: str, info: TensorInfo, one: Path, other: Path) -> NoReturn:
    differs = f"tensor {shown(name)} ({info}) differs between {one} and {other}, and cannot be averaged: "
    if info.dtype in ("uint8", "int8") and len(info.shape) > 1:
        raise IncompatibleError(
            f"{differs}a table of {info.dtype} looks like the packed weights of a quantised model, and the average of "
            "packed numbers is none. Give the models from before, or save them dequantised."
        )
    if info.kind.family == "whole":
        raise IncompatibleError(
            f"{differs}integers and booleans are never averaged, so they must be equal. A counter that nothing is "
            "computed from can be that of the heaviest member."
        ).mended_by(keep=(name,))
    way = "save the ingredients in float32, float16 or bfloat16"
    if info.dtype.startswith("complex"):
        way = "let the network keep the real and the imaginary part as one tensor of floats (torch.view_as_real)"
    raise IncompatibleError(f"{differs}radin does not average {info.dtype}; {way}.")


def same_weights(pool: Pool, one: int, other: int) -> bool:
    """Whether two ingredients hold the same tensors, to the byte.

    Arguments:
        pool: of both.
        one, other: their indices.
    """
    tensors = pool.tensors_of(one)
    if dict(pool.tensors_of(other)) != dict(tensors):
        return False
    with pool.reader(one) as first, pool.reader(other) as second:
        readers = [(one, first), (other, second)]
        return all(_first_difference(name, info, readers) is None for name, info in tensors.items())


def _first_difference(name: str, info: TensorInfo, members: list[tuple[int, Reader]]) -> int | None:
    """The first member whose bytes differ from the first member's; None if all are equal."""
    (_, first), *others = members
    one, two = np.empty((2, min(info.nbytes, 8 * TILE)), dtype=np.uint8)
    start = 0
    while start < info.nbytes and others:
        stop = min(start + (len(one) if start else GLANCE), info.nbytes)
        expected = first.read(name, start, stop, one)
        for i, other in others:
            if not np.array_equal(expected, other.read(name, start, stop, two)):
                return i
        start = stop
    return None
