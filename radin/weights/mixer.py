"""The arithmetic of a soup, tile by tile.

File and network are filled through the same steps, so a soup on disk and a soup in a network are the same, bit for bit.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from contextlib import ExitStack
from functools import singledispatch
from types import TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints import Reader
from radin.checkpoints.dtypes import narrow, widen
from radin.common.wording import shown
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.coupled import renewed
from radin.weights.merge_plan import Step, as_recipe, plan_steps
from radin.weights.nan_check import nan_error
from radin.weights.overrides import replacements
from radin.weights.pool import Pool
from radin.weights.tiling import Workspace


class Mixer:
    """The soup of one recipe, tensor by tensor.

    Arguments:
        pool: the ingredients.
        recipe: over the pool's names.
        batchnorm: see `radin.weights.merge_plan.BatchNorm`; matters from two members on.
        replace: `{name: values}` of tensors that are given instead of mixed, cast to the stored dtype.
        keep: names of tensors that are those of the member with the largest weight; default: the pool's `keep`.
        readers: open readers by ingredient, to reuse; default: opened here, closed with the mixer.

    Attributes:
        steps: one for each tensor of the soup.
        notes: strings to keep beside the soup's tensors.

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
        keep: Collection[str] | None = None,
        readers: Mapping[int, Reader] | None = None,
    ) -> None:
        self.pool = pool
        self.notes: dict[str, str] = {}
        self.recipe = as_recipe(pool, recipe)
        self._given = replacements(pool, replace or {})
        self._opened = ExitStack()
        self._readers = readers if readers is not None else self._open()
        try:
            self.check_unchanged()
            made = renewed(pool, self.recipe, self._readers, self._given)
            self._given |= replacements(pool, made)
            chosen = pool.keep if keep is None else keep
            self.steps = plan_steps(pool, self.recipe, self._readers, batchnorm, self._given, chosen)
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
                raise nan_error(self.pool, step.sources[0], {step.name: ""})

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
                raise nan_error(self.pool, source, {step.name: ""})
            infinite |= np.isinf(values)
        if np.isnan(total).any():
            raise IncompatibleError(
                f"tensor {shown(step.name)} holds infinities that cancel to NaN when averaged, in the members "
                f"{', '.join(str(self.pool.paths[i]) for i in step.sources)}. Leave out the one that diverged."
            )
        if (np.isinf(total) & ~infinite).any():
            raise IncompatibleError(
                f"tensor {shown(step.name)}: the average is beyond the largest {step.info.dtype}, though every member "
                f"is finite. Save the ingredients in a wider dtype."
            )


@singledispatch
def mixer_of(pool: Pool, recipe: Recipe, **how: Any) -> Mixer:
    """The soup of one recipe, tensor by tensor, by the mixer that is registered for the kind of pool.

    Arguments:
        pool: the ingredients.
        recipe: over the pool's names.
        how: as for `Mixer`.
    """
    return Mixer(pool, recipe, **how)
