"""The soup of adapters as an adapter: stacked factors, in memory; all other tensors as of any pool."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float

from radin.adapters.adapter import Module
from radin.adapters.factors import Energy, Factors, stacked, truncated
from radin.checkpoints import Reader, TensorInfo
from radin.checkpoints.dtypes import narrow, widen
from radin.common.wording import shown
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer

if TYPE_CHECKING:
    from radin.adapters.pool import AdapterPool


class FactorMixer(Mixer):
    """The soup of one recipe of adapters.

    Every product is formed in float32 (float64 for float64): A' is the members' A as it is, B' the members' B times
    weight and scale, rounded to the stored dtype at the end. A soup of one adapter, not cut, is a copy.

    Arguments:
        pool: the adapters.
        recipe: over the pool's names.
        batchnorm, replace, keep, readers: as for `Mixer`, of tensors that are no factors.

    Attributes:
        energy: of the update, and what cutting the rank lost.
    """

    def __init__(
        self,
        pool: AdapterPool,
        recipe: Recipe,
        *,
        batchnorm: str = "average",
        replace: Mapping[str, Any] | None = None,
        keep: Collection[str] | None = None,
        readers: Mapping[int, Reader] | None = None,
    ) -> None:
        super().__init__(pool, recipe, batchnorm=batchnorm, replace=replace, keep=keep, readers=readers)
        self.energy = Energy()
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
        header, ranks = pool.header(self.recipe), pool.ranks(self.recipe)
        for key, rank in ranks.items():
            module, total = pool.modules[key], soup_factors(pool, key, self.recipe, self._readers)
            factors, energy = truncated(total, rank)
            self.energy += energy
            self._give(module.a, header[module.a], factors.a)
            self._give(module.b, header[module.b], factors.b)
            bias = f"{key}.lora_B.bias"
            if bias in header:
                self._give(bias, header[bias], soup_bias(pool, key, self.recipe, self._readers))
        if pool.rank is not None:
            self.notes |= {"radin.rank": str(pool.rank), "radin.lost": repr(self.energy.share)}

    def _give(self, name: str, info: TensorInfo, values: np.ndarray) -> None:
        self._given[name] = to_bytes(name, info, values)
        self.steps.append(Step(name, info, "given"))


def soup_factors(pool: AdapterPool, key: str, recipe: Recipe, readers: Mapping[int, Reader]) -> Factors:
    """The stacked factors of a recipe in one module, in the type that sums are formed in.

    Arguments:
        pool: the adapters.
        key: the module.
        recipe: over the pool's names; one of its members adapts the module.
        readers: of the members, open.
    """
    found = [(i, pool.adapters[i].modules.get(key)) for i in recipe.members]
    adapting = [(i, module) for i, module in found if module is not None]
    return stacked([(recipe.weights[i] * one.scale, factors_of(pool, i, one, readers[i])) for i, one in adapting])


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
    for i in recipe.members:
        module = pool.adapters[i].modules.get(key)
        if module is not None and module.bias is not None:
            values = values_of(readers[i], module.bias, pool.tensors_of(i)[module.bias])
            total += total.dtype.type(recipe.weights[i] * module.scale) * values
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
