"""What becomes of each tensor in a soup, and the arithmetic, tile by tile.

File and network are filled through the same steps, so a soup on disk and a soup in a network are the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, NoReturn, get_args

import numpy as np
from jaxtyping import UInt8
from numpy.typing import ArrayLike

from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.dtypes import narrow, widen
from radin.errors import CheckpointError, IncompatibleError, InputError
from radin.pool import Pool
from radin.recipe import Recipe
from radin.tiling import TILE, Workspace

#: What becomes of BatchNorm's running mean and variance: their average; those of the member with the largest weight; or
#: (by whoever has data, see `radin.verify`) statistics computed anew. `recompute` without new statistics averages.
BatchNorm = Literal["average", "keep", "recompute"]

#: Bytes that are compared first when members are told apart; fine-tuned tensors nearly always differ there.
GLANCE = 4_096

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


class Mixer:
    """The soup of one recipe, tensor by tensor.

    Arguments:
        pool: the ingredients.
        recipe: over the pool's names.
        batchnorm: see `BatchNorm`; matters from two members on.
        replace: `{name: values}` of tensors that are given instead of mixed, cast to the stored dtype.
        readers: open readers by ingredient, to reuse; default: opened here, closed with the mixer.

    Raises:
        InputError: the recipe is over other ingredients, an unknown policy, values that fit no tensor.
        IncompatibleError: tensors that cannot be averaged differ.
        CheckpointError: a file changed since the pool was made.
    """

    def __init__(
        self,
        pool: Pool,
        recipe: Recipe,
        *,
        batchnorm: str = "average",
        replace: Mapping[str, Any] | None = None,
        readers: Mapping[int, Reader] | None = None,
    ) -> None:
        check_policy(batchnorm)
        self.pool = pool
        self.recipe = as_recipe(pool, recipe)
        self._given = _given_tensors(pool, replace or {})
        self._opened = ExitStack()
        self._readers = readers if readers is not None else self._open()
        try:
            self.check_unchanged()
            self.steps = [self._step(name, info, batchnorm) for name, info in pool.tensors.items()]
        except BaseException:
            self.close()
            raise

    def _open(self) -> dict[int, Reader]:
        with ExitStack() as stack:
            readers = {i: stack.enter_context(self.pool.reader(i)) for i in self.recipe.members}
            self._opened = stack.pop_all()
        return readers

    def check_unchanged(self) -> None:
        """Raises CheckpointError if a member's file was changed since the pool was made.

        Called before the first byte is read and, by whoever keeps the soup, after the last: in between, a file that is
        written over in place gives the new bytes through a reader that was opened before.
        """
        for i in self.recipe.members:
            self._readers[i].check_unchanged()

    def close(self) -> None:
        """Closes the files that were opened here."""
        self._opened.close()

    def __enter__(self) -> Mixer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _step(self, name: str, info: TensorInfo, batchnorm: str) -> Step:
        members = self.recipe.members
        if name in self._given:
            return Step(name, info, "given")
        other = self._first_difference(name, info)
        if other is None:
            return Step(name, info, "copy", members[:1])
        last = name.rpartition(".")[2]
        if info.kind.family == "whole" and last == "num_batches_tracked":
            return Step(name, info, "largest", members)
        if info.kind.family != "float":
            self._refuse_difference(name, info, members[0], other)
        if batchnorm == "keep" and last in ("running_mean", "running_var"):
            return Step(name, info, "copy", (max(members, key=self.recipe.weights.__getitem__),))
        return Step(name, info, "average", members, tuple(self.recipe.weights[i] for i in members))

    def _refuse_difference(self, name: str, info: TensorInfo, one: int, other: int) -> NoReturn:
        paths = self.pool.paths
        reason = (
            "integers and booleans are never averaged, so they must be equal"
            if info.kind.family == "whole"
            else f"radin does not average {info.dtype}; save the ingredients in float32, float16 or bfloat16"
        )
        raise IncompatibleError(
            f"tensor {name!r} ({info}) differs between {paths[one]} and {paths[other]}, "
            f"and cannot be averaged: {reason}."
        )

    def _first_difference(self, name: str, info: TensorInfo) -> int | None:
        """The first member whose bytes differ from the first member's; None if all are equal."""
        first, *others = self.recipe.members
        one, two = np.empty((2, min(info.nbytes, 8 * TILE)), dtype=np.uint8)
        start = 0
        while start < info.nbytes and others:
            stop = min(start + (len(one) if start else GLANCE), info.nbytes)
            expected = self._readers[first].read(name, start, stop, one)
            for other in others:
                if not np.array_equal(expected, self._readers[other].read(name, start, stop, two)):
                    return other
            start = stop
        return None

    def read(self, source: int, step: Step, start: int, stop: int, buffer: np.ndarray) -> np.ndarray:
        """Bytes of elements `start` to `stop` of one ingredient's tensor, in `buffer` or in read-only memory."""
        width = step.info.kind.itemsize
        return self._readers[source].read(step.name, start * width, stop * width, buffer)

    def tile(
        self, step: Step, start: int, stop: int, space: Workspace, out: UInt8[np.ndarray, " bytes"] | None = None
    ) -> UInt8[np.ndarray, " bytes"]:
        """Elements `start` to `stop` of one tensor of the soup, at most `TILE` of them.

        Arguments:
            step: the tensor.
            start: first element, row by row.
            stop: one past the last.
            space: this thread's buffers, overwritten.
            out: where to put the result; default: wherever is cheapest.

        Returns:
            the elements' bytes in the stored dtype: `out`, or a view that the next call overwrites.

        Raises:
            CheckpointError: NaN in an ingredient.
            IncompatibleError: the average is not finite where the ingredients are.
        """
        kind = step.info.kind
        count = stop - start
        with np.errstate(all="ignore"):  # what overflows is found by its sum, and named
            if step.action == "given":
                result = self._given[step.name][start * kind.itemsize : stop * kind.itemsize]
            elif step.action == "copy":
                result = self.read(step.sources[0], step, start, stop, space.raw if out is None else out)
                self._check_copy(step, start, stop, result, space)
            elif step.action == "largest":
                result = self._largest(step, start, stop, space)
            else:
                direct = out is not None and kind.storage == kind.accumulator
                target = out if direct and out is not None else space.sum[: count * kind.accumulator.itemsize]
                values = self._average(step, start, stop, space, target.view(kind.accumulator))
                rounded = narrow(values, kind, space.bits[: 4 * count].view(np.uint32))
                result = rounded.view(np.uint8)
        if out is None or np.may_share_memory(result, out):
            return result
        np.copyto(out, result)
        return out

    def _average(self, step: Step, start: int, stop: int, space: Workspace, total: np.ndarray) -> np.ndarray:
        """Σ wᵢxᵢ in the accumulator's type: the first member's term, then the others' in pool order."""
        kind = step.info.kind
        term = space.term[: total.nbytes].view(kind.accumulator)
        for source, weight in zip(step.sources, step.weights, strict=True):
            target = total if source == step.sources[0] else term
            buffer = target.view(np.uint8) if kind.storage == kind.accumulator else space.raw
            values = widen(self.read(source, step, start, stop, buffer), kind, target)
            np.multiply(values, kind.accumulator.type(weight), out=target)
            if target is term:
                np.add(total, term, out=total)
        if not np.isfinite(total.sum()):
            self._examine(step, start, stop, space, total)
        return total

    def _largest(self, step: Step, start: int, stop: int, space: Workspace) -> np.ndarray:
        storage = step.info.kind.storage
        first, *others = step.sources
        largest = space.sum[: (stop - start) * storage.itemsize]
        np.copyto(largest, self.read(first, step, start, stop, space.raw))
        for source in others:
            values = self.read(source, step, start, stop, space.raw).view(storage)
            np.maximum(largest.view(storage), values, out=largest.view(storage))
        return largest

    def _check_copy(self, step: Step, start: int, stop: int, stored: np.ndarray, space: Workspace) -> None:
        kind = step.info.kind
        if kind.family == "float":
            space_needed = (stop - start) * kind.accumulator.itemsize
            values = widen(stored, kind, space.term[:space_needed].view(kind.accumulator))
            if not np.isfinite(values.sum()) and np.isnan(values).any():
                self._refuse_nan(step, step.sources[0])

    def _examine(self, step: Step, start: int, stop: int, space: Workspace, total: np.ndarray) -> None:
        """Looks closely at a tile whose sum is not finite; infinities that a member has are let through.

        Raises:
            CheckpointError: NaN in an ingredient.
            IncompatibleError: infinities cancel, or the average overflows.
        """
        kind = step.info.kind
        infinite = np.zeros(stop - start, dtype=bool)
        term = space.term[: (stop - start) * kind.accumulator.itemsize].view(kind.accumulator)
        for source in step.sources:
            values = widen(self.read(source, step, start, stop, space.raw), kind, term)
            if np.isnan(values).any():
                self._refuse_nan(step, source)
            infinite |= np.isinf(values)
        if np.isnan(total).any():
            raise IncompatibleError(
                f"tensor {step.name!r} holds infinities that cancel to NaN when averaged, in the members "
                f"{', '.join(str(self.pool.paths[i]) for i in step.sources)}. Leave out the one that diverged."
            )
        if (np.isinf(total) & ~infinite).any():
            raise IncompatibleError(
                f"tensor {step.name!r}: the average is beyond the largest {step.info.dtype}, though every member is "
                f"finite. Save the ingredients in a wider dtype."
            )

    def _refuse_nan(self, step: Step, source: int) -> NoReturn:
        raise CheckpointError(
            f"{self.pool.paths[source]}: tensor {step.name!r} holds NaN, so no soup with it can be of use. "
            f"Leave {self.pool.names[source]!r} out, or take a checkpoint from before it diverged."
        )


def check_policy(batchnorm: str) -> None:
    """Raises InputError for a BatchNorm policy that does not exist."""
    if batchnorm not in get_args(BatchNorm):
        raise InputError(f"unknown BatchNorm policy {batchnorm!r}; expected one of {', '.join(get_args(BatchNorm))}")


def as_recipe(pool: Pool, recipe: Recipe | ArrayLike) -> Recipe:
    """A recipe over the pool, from one or from what `Recipe.of` takes: a mask `bool[n]` or weights `float[n]`.

    Raises:
        InputError: it is over other ingredients, or no recipe.
    """
    if not isinstance(recipe, Recipe):
        return Recipe.of(pool.names, recipe)
    if recipe.names != pool.names:
        strange = [name for name in recipe.names if name not in pool.names]
        difference = f"{strange} are not in the pool" if strange else "ingredients are missing or in another order"
        raise InputError(f"the recipe is over other ingredients than the pool's {list(pool.names)}: {difference}")
    return recipe


def _given_tensors(pool: Pool, replace: Mapping[str, Any]) -> dict[str, np.ndarray]:
    given = {}
    for name, values in replace.items():
        kept = pool.aliases.get(name, name)
        if kept not in pool.tensors:
            raise InputError(f"replace names tensor {name!r}, which the pool does not have")
        info = pool.tensors[kept]
        array = np.asarray(values)
        if array.shape != info.shape:
            raise InputError(f"replace: tensor {name!r} has shape {list(info.shape)}, got {list(array.shape)}")
        given[kept] = _cast(name, array.reshape(-1), info)
    return given


def _cast(name: str, values: np.ndarray, info: TensorInfo) -> np.ndarray:
    """The bytes of given values in the stored dtype."""
    kind = info.kind
    if kind.family != "float":
        return np.ascontiguousarray(values, dtype=kind.storage).view(np.uint8)
    if np.isnan(values).any():
        raise InputError(f"replace: tensor {name!r} holds NaN")
    with np.errstate(over="ignore"):  # found below, and named
        wide = np.ascontiguousarray(values, dtype=kind.accumulator)
        stored = narrow(wide, kind, np.empty(wide.size, dtype=np.uint32)).view(np.uint8)
    if (np.isinf(widen(stored, kind, np.empty_like(wide))) & ~np.isinf(values)).any():
        raise InputError(f"replace: tensor {name!r} holds values beyond the largest {info.dtype}")
    return stored
