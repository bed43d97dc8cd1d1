"""Adapters whose soups are whole models: the base plus the averaged update; where it goes, and whether it fits."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence
from typing import Any

from radin.adapters.adapter import Module, network_name
from radin.adapters.given import names_adapters
from radin.adapters.pool import AdapterPool
from radin.checkpoints import ModelFolder, TensorInfo
from radin.common.files import file_fingerprint, fingerprint_of
from radin.common.wording import shown, shown_shape
from radin.errors import IncompatibleError
from radin.recipe import Recipe
from radin.weights.pool import Pool

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
        if name in self.aliases or name in self.aliases.values() or self._ties(module):
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

    def _ties(self, module: Module) -> bool:
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
