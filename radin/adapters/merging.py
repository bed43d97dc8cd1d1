"""Soups of adapters as whole models: the base, read tensor by tensor from its file, plus the averaged update."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Float64, UInt8

from radin.adapters.adapter import Module, network_name
from radin.adapters.factors import Factors, stacked
from radin.adapters.given import names_adapters
from radin.adapters.pool import AdapterPool
from radin.adapters.stacking import factors_of, soup_bias, soup_factors, values_of
from radin.checkpoints import ModelFolder, Reader, TensorInfo
from radin.checkpoints.dtypes import narrow, widen
from radin.common.files import file_fingerprint, fingerprint_of
from radin.common.wording import shown, shown_shape
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.merge_plan import Step
from radin.weights.mixer import Mixer
from radin.weights.overrides import replacements
from radin.weights.pool import Pool
from radin.weights.tiling import Workspace, tiles

#: The part of PyTorch's attention that PEFT adapts as a layer within another. It adds the update of that one twice.
TWICE = ".base_layer.out_proj"


class MergedPool(AdapterPool):
    """Low-rank adapters of one base whose soups are whole models: the base plus Σ wᵢΔWᵢ.

    `radin.Pool(folders, merge=True)` makes it. Also of DoRA, whose merged weights are averaged. The names of tensors
    are those of the network that the adapters were trained on.

    Attributes:
        tensors: of the base, and of modules that were trained as a whole.
        base_pool: the base.

    Raises:
        MissingFileError: the base's files are not at hand.
        IncompatibleError: the base lacks an adapted module, has another shape or is quantised, or ties its tensors.
    """

    def __init__(self, paths: Any, names: Sequence[str] | None = None, **options: Any) -> None:
        super().__init__(paths, names, **options)
        self.whole_pool = AdapterPool(self.paths, self.names, keep=self.keep, merge=True, base=self.base.place)
        self.base_pool = self.base.pool()
        self._prefix_of_base = _prefix(self.base_pool, [module.name for module in self.modules.values()])
        self.sources: dict[str, str] = {self._prefix_of_base + name: name for name in self.base_pool.tensors}
        self.aliases = {
            self._prefix_of_base + name: self._prefix_of_base + kept for name, kept in self.base_pool.aliases.items()
        }
        held = {name: self.base_pool.tensors[source] for name, source in self.sources.items()}
        whole = {network_name(name): info for name, info in self.whole_pool.tensors.items()}
        whole = {name: held.get(name, info) for name, info in whole.items()}  # in the base's dtype, where it has it
        self.tensors = {**held, **whole}
        by_depth = sorted(self.modules.items(), key=lambda item: item[0].endswith(TWICE), reverse=True)
        self.targets = {key: self._target(module) for key, module in by_depth}

    @staticmethod
    def takes(paths: Sequence[Any], **options: Any) -> bool:
        """Whether the paths name adapters, by what lies there, and soups are to be merged."""
        return bool(options.get("merge")) and names_adapters(paths)

    @property
    def nbytes(self) -> int:
        """Bytes of a soup's tensors."""
        return sum(info.nbytes for info in self.tensors.values())

    @property
    def files(self) -> tuple[Any, ...]:
        """All files of all ingredients, and of the base."""
        return (*self._files, *self.base_pool.files)

    def only(self, members: Sequence[int]) -> MergedPool:
        """The pool of some of its ingredients."""
        part = super().only(members)
        assert isinstance(part, MergedPool)
        part.whole_pool = self.whole_pool.only(members)
        return part

    def fingerprint(self, i: int, memory: MutableMapping[str, str] | None = None) -> str:
        """SHA-256 that tells ingredient `i`, merged into this base, from others."""
        base = [file_fingerprint(file, memory) for file in self.base_pool.files]
        return fingerprint_of(*self._fingerprints(i, memory), "merged", *base, *self.keep)

    def header(self, recipe: Recipe) -> dict[str, TensorInfo]:
        """The tensors of a recipe's soup, which are the same for all."""
        return dict(self.tensors)

    @property
    def is_folders(self) -> bool:
        """Whether soups can be folders: where the base is one, whose config and tokenizer they get."""
        return self.base_pool.is_folders

    @property
    def folders(self) -> tuple[ModelFolder | None, ...]:
        """The base's folder, for each ingredient."""
        return self.base_pool.folders * len(self)

    def write_folder(self, recipe: Recipe, target: Path, **how: Any) -> Path:
        """Writes a soup as a folder like the base's; see `radin.weights.folder_output.write_folder`."""
        return Pool.write_folder(self, recipe, target, **how)

    def mixer(self, recipe: Recipe, **how: Any) -> Any:
        """The soup of one recipe, tensor by tensor."""
        return MergedMixer(self, recipe, **how)

    def _target(self, module: Module) -> str:
        """The tensor that a module's update is added to."""
        known = self.tensors.keys() | self.aliases.keys()
        name = f"{module.name}.weight"
        if module.key.endswith(TWICE):
            raise IncompatibleError(
                f"module {shown(module.name)} is a part of PyTorch's attention, which PEFT runs and merges otherwise "
                "than its settings say. Keep the soup an adapter, or merge with PEFT (model.merge_and_unload()) and "
                "give the merged models."
            ).mended_by(merge=False)
        if name not in known:
            raise IncompatibleError(
                f"{self.base_pool.paths[0]} has no weight of the module {shown(module.name)}, which is adapted: it "
                "is another model than their base, or its head was not saved with it."
            )
        if name in self.aliases or name in self.aliases.values() or self._ties(module, name):
            raise IncompatibleError(
                f"tensor {shown(name)} of the base is tied to another, which merging an update would change too. Keep "
                "the soup an adapter."
            ).mended_by(merge=False)
        info = self.tensors[name]
        if info.kind.family != "float":
            raise IncompatibleError(
                f"tensor {shown(name)} of the base is {info}: a quantised base takes no update. Keep the soup an "
                "adapter."
            ).mended_by(merge=False)
        self._check_shape(module, name, info)
        return name

    def _ties(self, module: Module, name: str) -> bool:
        """Whether the base's settings tie the vocabulary's table to the head, and this is the table."""
        folder = self.base_pool.folders[0]
        return folder is not None and bool(folder.config.get("tie_word_embeddings")) and module.kind == "embedding"

    def _check_shape(self, module: Module, name: str, info: TensorInfo) -> None:
        a, b = (self._info(module, one) for one in (module.a, module.b))
        if self.turned(module, info):
            fits = info.shape == (a.shape[1], b.shape[0])
        else:
            fits = info.shape == (b.shape[0], *a.shape[1:])
        if not fits:
            raise IncompatibleError(
                f"tensor {shown(name)} of the base has the shape {shown_shape(info.shape)}, and the adapters' factors "
                f"{shown_shape(a.shape)} and {shown_shape(b.shape)}: it is another model than their base."
            )

    def turned(self, module: Module, info: TensorInfo) -> bool:
        """Whether a module's weight is stored as [inputs, outputs]: embeddings are, and layers as the shapes say.

        The settings (`fan_in_fan_out`) decide for square ones: PEFT keeps one setting for layers of both sorts.
        """
        a, b = (self._info(module, one) for one in (module.a, module.b))
        if module.kind == "embedding":
            return True
        if len(a.shape) > 2 or a.shape[1] == b.shape[0]:
            return self.adapters[0].config.transposed and len(a.shape) == 2
        return info.shape == (a.shape[1], b.shape[0])

    def _info(self, module: Module, name: str) -> TensorInfo:
        owner = next(i for i, one in enumerate(self.adapters) if module.key in one.modules)
        return self.tensors_of(owner)[name]


def _prefix(base: Pool, modules: Sequence[str]) -> str:
    """The beginning of the network's names that the base's lack: that of a model without head, such as `bert.`."""
    known = base.tensors.keys() | base.aliases.keys()
    for module in modules:
        if f"{module}.weight" in known:
            return ""
        parts = module.split(".")
        for cut in range(1, len(parts)):
            if f"{'.'.join(parts[cut:])}.weight" in known:
                return ".".join(parts[:cut]) + "."
    return ""


@dataclass(frozen=True)
class _Update:
    """What is added to a weight: the rows of a product, `left[rows] @ right`."""

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
        batchnorm: str = "average",
        replace: Mapping[str, Any] | None = None,
        keep: Collection[str] | None = None,
        readers: Mapping[int, Reader] | None = None,
    ) -> None:
        self.pool, self.recipe = pool, recipe
        self.notes: dict[str, str] = {}
        self._given = replacements(pool, replace or {})
        self._opened = ExitStack()
        try:
            self._base = self._opened.enter_context(pool.base_pool.reader(0))
            self._readers = readers or {i: self._opened.enter_context(pool.reader(i)) for i in recipe.members}
            how: dict[str, Any] = {"batchnorm": batchnorm, "keep": keep, "readers": self._readers}
            self._whole = self._opened.enter_context(Mixer(pool.whole_pool, recipe, **how))
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
        for i in self.recipe.members:
            own, weight = self.pool.adapters[i].modules.get(key), self.recipe.weights[i]
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
