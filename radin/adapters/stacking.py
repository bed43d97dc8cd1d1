"""The soup of adapters as an adapter: stacked factors, module by module; all other tensors as of any pool."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float, UInt8

from radin.adapters.adapter import Module
from radin.adapters.factors import Energy, Factors, stacked, truncated
from radin.adapters.pool import AdapterPool
from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.dtypes import narrow, widen
from radin.common.wording import shown
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer
from radin.weights.tiling import Workspace

#: Modules whose stacked factors are held at a time: one for each thread that writes.
HELD = 4


class FactorMixer(Mixer):
    """The soup of one recipe of adapters.

    Every product is formed in float32 (float64 for float64): A' is the members' A as it is, B' the members' B times
    weight and scale, rounded to the stored dtype at the end. A soup of one adapter, not cut, is a copy. Stacked factors
    are made when they are asked for, those of a few modules at a time; cut ones are small, and made beforehand, since
    what is lost is a note.

    Arguments:
        pool: the adapters.
        recipe: over the pool's names.
        batchnorm, replace, keep, readers: as for `Mixer`, of tensors that are no factors.

    Attributes:
        energy: of the update, where its rank is cut, and what that lost.
    """

    def __init__(self, pool: AdapterPool, recipe: Recipe, **how: Any) -> None:
        self._adapters = pool
        super().__init__(pool, recipe, **how)
        self.energy = Energy()
        self._home: dict[str, str] = {}
        self._recent: dict[str, dict[str, UInt8[np.ndarray, " bytes"]]] = {}
        self._lock = threading.Lock()
        try:
            self._add_factors(pool)
        except BaseException:
            self.close()
            raise

    def _add_factors(self, pool: AdapterPool) -> None:
        if pool.is_copy(self.recipe):
            (only,) = self.recipe.members
            parts = [part for module in pool.adapters[only].modules.values() for part in module.parts]
            self.steps += [Step(part, pool.tensors_of(only)[part], "copy", (only,)) for part in parts]
            return
        self._header, self._ranks = pool.header(self.recipe), pool.ranks(self.recipe)
        for key in self._ranks:
            parts = [part for part in parts_of(pool.modules[key]) if part in self._header]
            self.steps += [Step(part, self._header[part], "given") for part in parts]
            if pool.rank is None:
                self._home |= dict.fromkeys(parts, key)
            else:
                self._given |= self._made(pool, key)
        if pool.rank is not None:
            self.notes |= {"radin.rank": str(pool.rank), "radin.lost": repr(self.energy.share)}

    def tile(
        self, step: Step, start: int, stop: int, space: Workspace, out: UInt8[np.ndarray, " bytes"] | None = None
    ) -> UInt8[np.ndarray, " bytes"]:
        """Elements `start` to `stop` of one tensor of the soup; see `Mixer.tile`."""
        if step.name not in self._home:
            return super().tile(step, start, stop, space, out)
        width = step.info.kind.itemsize
        result = self._module(self._home[step.name])[step.name][start * width : stop * width]
        if out is None:
            return result
        np.copyto(out, result)
        return out

    def _module(self, key: str) -> dict[str, UInt8[np.ndarray, " bytes"]]:
        """The stacked factors of one module, kept until a few others were asked for."""
        with self._lock:
            if key not in self._recent:
                while len(self._recent) >= HELD:
                    del self._recent[next(iter(self._recent))]
                self._recent[key] = self._made(self._adapters, key)
            return self._recent[key]

    def _made(self, pool: AdapterPool, key: str) -> dict[str, UInt8[np.ndarray, " bytes"]]:
        """The bytes of all tensors of one module."""
        module = pool.modules[key]
        factors = soup_factors(pool, key, self.recipe, self._readers)
        if pool.rank is not None:
            factors, energy = truncated(factors, self._ranks[key])
            self.energy += energy
        made = {module.a: factors.a, module.b: factors.b}
        bias = bias_of(module)
        if bias in self._header:
            made[bias] = soup_bias(pool, key, self.recipe, self._readers)
        return {name: to_bytes(name, self._header[name], values) for name, values in made.items()}


def parts_of(module: Module) -> list[str]:
    """Names of the tensors that a soup may have in a module."""
    return [module.a, module.b, bias_of(module)]


def bias_of(module: Module) -> str:
    """The name of the bias of a module's second factor, whether it has one or not."""
    return f"{module.key}.lora_B.bias"


def soup_factors(pool: AdapterPool, key: str, recipe: Recipe, readers: Mapping[int, Reader]) -> Factors:
    """The stacked factors of a recipe in one module, in the type that sums are formed in.

    Arguments:
        pool: the adapters.
        key: the module.
        recipe: over the pool's names; one of its members adapts the module.
        readers: of the members, open.
    """
    found = [(i, weight, pool.adapters[i].modules.get(key)) for i, weight in recipe.parts]
    adapting = [(i, weight, module) for i, weight, module in found if module is not None]
    return stacked([(weight * one.scale, factors_of(pool, i, one, readers[i])) for i, weight, one in adapting])


def factors_of(pool: AdapterPool, i: int, module: Module, reader: Reader) -> Factors:
    """The factors of one adapter's module as two matrices, without its scale."""
    tensors = pool.tensors_of(i)
    a, b = (values_of(reader, name, tensors[name]) for name in (module.a, module.b))
    return Factors(b.reshape(b.shape[0], -1), a.reshape(a.shape[0], -1))


def soup_bias(pool: AdapterPool, key: str, recipe: Recipe, readers: Mapping[int, Reader]) -> Float[np.ndarray, " out"]:
    """The sum of the biases that the members' second factors have, each times weight and scale; absent ones are 0."""
    first = pool.modules[key]
    owner = next(i for i in range(len(pool)) if key in pool.adapters[i].modules)
    info = pool.tensors_of(owner)[first.b]
    total = np.zeros(info.shape[0], dtype=info.kind.accumulator)
    for i, weight in recipe.parts:
        module = pool.adapters[i].modules.get(key)
        if module is not None and module.bias is not None:
            values = values_of(readers[i], module.bias, pool.tensors_of(i)[module.bias])
            total += total.dtype.type(weight * module.scale) * values
    return total


def values_of(reader: Reader, name: str, info: TensorInfo) -> np.ndarray:
    """A whole tensor as numbers, in memory of its own, in the type that sums are formed in."""
    stored = reader.read(name, 0, info.nbytes, np.empty(info.nbytes, dtype=np.uint8))
    return widen(stored, info.kind, np.empty(info.numel, dtype=info.kind.accumulator)).reshape(info.shape)


def to_bytes(name: str, info: TensorInfo, values: np.ndarray) -> np.ndarray:
    """Numbers as the bytes of a tensor of this dtype and shape.

    Raises:
        IncompatibleError: they are not finite, or beyond the dtype's largest.
    """
    flat = np.ascontiguousarray(values, dtype=info.kind.accumulator).reshape(-1)
    with np.errstate(over="ignore"):
        stored = narrow(flat, info.kind, np.empty(flat.size, dtype=np.uint32)).view(np.uint8)
    back = widen(stored, info.kind, np.empty_like(flat))
    if not np.isfinite(back).all():
        raise IncompatibleError(
            f"tensor {shown(name)} of the soup is not finite in {info.dtype}: an adapter diverged, or its scale is too "
            "large for its dtype."
        )
    assert flat.size == info.numel, (name, info, values.shape)
    return stored
