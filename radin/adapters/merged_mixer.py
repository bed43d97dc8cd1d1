"""The soup of adapters as a whole model: the base, read tile by tile from its file, plus the averaged update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, UInt8

from radin.adapters.adapter import Module, network_name
from radin.adapters.factors import Factors, stacked
from radin.adapters.merging import MergedPool
from radin.adapters.stacking import factors_of, soup_bias, soup_factors, values_of
from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.dtypes import narrow, widen
from radin.common.wording import shown
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer
from radin.weights.overrides import replacements
from radin.weights.tiling import Workspace, tiles


@dataclass(frozen=True)
class _Update:
    """An addition to a weight: the rows of a product, `left[rows] @ right`."""

    left: Float[np.ndarray, "rows rank"]
    right: Float[np.ndarray, "rank columns"]

    def part(self, start: int, stop: int) -> Float[np.ndarray, " elements"]:
        """Elements `start` to `stop` of the product, row by row."""
        columns = self.right.shape[1]
        first, last = start // columns, -(-stop // columns)
        if last - first == 1:
            inside = slice(start - first * columns, stop - first * columns)
            return (self.left[first:last] @ self.right[:, inside]).reshape(-1)
        rows = (self.left[first:last] @ self.right).reshape(-1)
        return rows[start - first * columns : stop - first * columns]


class MergedMixer(Mixer):
    """The soup of one recipe of adapters as a whole model, tile by tile.

    A tile of the base is read, the update's is added in float32 (float64 for float64), and the sum is rounded to the
    base's dtype. What the adapters do not touch is copied.

    Arguments:
        pool: the adapters and their base.
        recipe: over the pool's names.
        batchnorm, keep: as for `Mixer`, of modules that were trained as a whole.
        replace: `{name: values}` of tensors that are given.
        readers: open readers by ingredient, to reuse.
    """

    pool: MergedPool

    def __init__(
        self,
        pool: MergedPool,
        recipe: Recipe,
        *,
        replace: Mapping[str, Any] | None = None,
        readers: Mapping[int, Reader] | None = None,
        **how: Any,
    ) -> None:
        self.pool, self.recipe = pool, recipe
        self.notes: dict[str, str] = {}
        self._given = replacements(pool, replace or {})
        self._opened = ExitStack()
        try:
            self._base = self._opened.enter_context(pool.base_pool.reader(0))
            self._readers = readers or {i: self._opened.enter_context(pool.reader(i)) for i in recipe.members}
            self._whole = self._opened.enter_context(Mixer(pool.whole_pool, recipe, readers=self._readers, **how))
            self._whole_steps = {network_name(step.name): step for step in self._whole.steps}
            self._changes: dict[str, list[Callable[[int, int, np.ndarray], np.ndarray]]] = {}
            for key, module in pool.modules.items():
                if any(key in pool.adapters[i].modules for i in recipe.members):
                    self._plan(key, module)
            self.steps = [self._step(name, info) for name, info in pool.tensors.items()]
        except BaseException:
            self.close()
            raise

    def _step(self, name: str, info: TensorInfo) -> Step:
        untouched = name not in self._given and name not in self._changes and name not in self._whole_steps
        return Step(name, info, "copy" if untouched else "given")

    def _plan(self, key: str, module: Module) -> None:
        name = self.pool.targets[key]
        info = self.pool.tensors[name]
        turned, numbers = self.pool.turned(module, info), info.kind.accumulator
        if any(self.pool.adapters[i].config.is_dora for i in self.recipe.members):
            self._changes[name] = [self._lengthened(key, module, name, turned)]
        else:
            update = _update_of(soup_factors(self.pool, key, self.recipe, self._readers), turned, numbers)
            self._changes.setdefault(name, []).append(partial(_added, update))
        if self.pool.has_bias(self.recipe):
            self._add_bias(key, module)

    def _lengthened(self, key: str, module: Module, name: str, turned: bool) -> _Lengthened:
        """The change that averages merged weights of which some have rows of lengths of their own (DoRA).

        The merged weight of member i is fᵢ(W + ΔWᵢ), where fᵢ brings each row to its length, and is 1 for a LoRA. So
        the average is (Σ wᵢfᵢ)W + Σ wᵢfᵢΔWᵢ.
        """
        info = self.pool.tensors[name]
        if module.kind == "embedding" or len(info.shape) != 2:
            raise IncompatibleError(
                f"module {shown(module.name)} is adapted by a DoRA, and is no linear layer. radin merges DoRA of "
                "linear layers alone; merge these with PEFT (model.merge_and_unload()) and give the merged models."
            )
        parts, factor = [], np.zeros(info.shape[1 if turned else 0])
        for i, weight in self.recipe.parts:
            own = self.pool.adapters[i].modules.get(key)
            if own is None:
                factor += weight
                continue
            product = factors_of(self.pool, i, own, self._readers[i])
            scaled = Factors(product.b * product.b.dtype.type(own.scale), product.a)
            lengths = np.ones(len(factor))
            if own.magnitude is not None:
                wanted = values_of(self._readers[i], own.magnitude, self.pool.tensors_of(i)[own.magnitude])
                lengths = wanted.reshape(-1) / self._lengths(name, scaled, turned)
            factor += weight * lengths
            parts.append((weight, Factors(scaled.b * lengths[:, None].astype(scaled.b.dtype), scaled.a)))
        total = stacked(parts)
        return _Lengthened(
            _update_of(total, turned, info.kind.accumulator), factor.astype(info.kind.accumulator), turned
        )

    def _lengths(self, name: str, product: Factors, turned: bool) -> Float64[np.ndarray, " outputs"]:
        """Lengths of the rows of a weight and an update, one for each output of the layer."""
        info = self.pool.tensors[name]
        update, columns, space = _update_of(product, turned, info.kind.accumulator), info.shape[1], Workspace()
        squares = np.zeros(info.numel // columns if not turned else columns)
        for start, stop in tiles(info.numel):
            part = _added(update, start, stop, self.before(name, start, stop, space)).astype(np.float64) ** 2
            at = np.arange(start, stop)
            squares += np.bincount(at % columns if turned else at // columns, part, len(squares))
        return np.sqrt(squares)

    def _add_bias(self, key: str, module: Module) -> None:
        name = f"{module.name}.bias"
        if name not in self.pool.tensors:
            raise IncompatibleError(
                f"the adapters have a bias (lora_bias) of the module {shown(module.name)}, and the base has none "
                "there, so it cannot be merged. Keep the soup an adapter."
            ).mended_by(merge=False)
        bias = soup_bias(self.pool, key, self.recipe, self._readers)
        numbers = self.pool.tensors[name].kind.accumulator
        update = _Update(bias.astype(numbers)[None].T, np.ones((1, 1), dtype=numbers))
        self._changes.setdefault(name, []).append(partial(_added, update))

    def before(self, name: str, start: int, stop: int, space: Workspace) -> np.ndarray:
        """Elements of a tensor without any update, as numbers: of the base, or the average of whole modules."""
        info = self.pool.tensors[name]
        room = np.empty(stop - start, dtype=info.kind.accumulator)
        if (step := self._whole_steps.get(name)) is not None:
            stored = self._whole.tile(step, start, stop, space)
            kind = step.info.kind
            values = widen(stored, kind, np.empty(stop - start, dtype=kind.accumulator))
            np.copyto(room, values)
            return room
        return widen(self._stored(name, start, stop, space), info.kind, room).copy()

    def _stored(self, name: str, start: int, stop: int, space: Workspace) -> np.ndarray:
        width = self.pool.tensors[name].kind.itemsize
        return self._base.read(self.pool.sources[name], start * width, stop * width, space.raw)

    def tile(
        self, step: Step, start: int, stop: int, space: Workspace, out: UInt8[np.ndarray, " bytes"] | None = None
    ) -> UInt8[np.ndarray, " bytes"]:
        """Elements `start` to `stop` of one tensor of the soup; see `Mixer.tile`."""
        kind = step.info.kind
        if step.name in self._given:
            result = self._given[step.name][start * kind.itemsize : stop * kind.itemsize]
        elif step.action == "copy":
            result = self._stored(step.name, start, stop, space)
        else:
            with np.errstate(all="ignore"):
                result = self._changed(step, start, stop, space)
        if out is None:
            return result
        np.copyto(out, result)
        return out

    def _changed(self, step: Step, start: int, stop: int, space: Workspace) -> np.ndarray:
        kind = step.info.kind
        values = self.before(step.name, start, stop, space)
        for change in self._changes.get(step.name, ()):
            values = change(start, stop, values)
        stored = narrow(values, kind, np.empty(stop - start, dtype=np.uint32)).view(np.uint8)
        if not np.isfinite(widen(stored, kind, np.empty(stop - start, dtype=kind.accumulator))).all():
            raise IncompatibleError(
                f"tensor {shown(step.name)} of the soup is not finite in {kind.name}: the base or an adapter holds NaN "
                "or infinities, or the update is too large for the base's dtype."
            )
        return stored

    def check_unchanged(self) -> None:
        """Raises CheckpointError if a file was changed since the pool was made."""
        self._base.check_unchanged()
        for reader in self._readers.values():
            reader.check_unchanged()

    def close(self) -> None:
        """Closes the files that were opened here."""
        self._opened.close()


def _added(update: _Update, start: int, stop: int, values: np.ndarray) -> np.ndarray:
    return values + update.part(start, stop)


@dataclass(frozen=True)
class _Lengthened:
    """Multiplies each row of a weight (each column, if it is stored turned) by a factor, then adds an update."""

    update: _Update
    factor: np.ndarray
    turned: bool

    def __call__(self, start: int, stop: int, values: np.ndarray) -> np.ndarray:
        columns = self.update.right.shape[1]
        at = np.arange(start, stop)
        return values * self.factor[at % columns if self.turned else at // columns] + self.update.part(start, stop)


def _update_of(product: Factors, turned: bool, numbers: np.dtype) -> _Update:
    """An update as it is stored: turned where the weight is [inputs, outputs]."""
    left, right = (product.a.T, product.b.T) if turned else (product.b, product.a)
    return _Update(left.astype(numbers, copy=False), right.astype(numbers, copy=False))
