"""A pool of adapters over one base: what they share, and which tensors a soup of them has."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from radin.adapters.adapter import Adapter, Module, open_adapter
from radin.adapters.base import Base, common_base
from radin.adapters.config import SHARED
from radin.adapters.given import adapter_folders, names_adapters
from radin.checkpoints import Reader, TensorInfo
from radin.common.error_list import Complaints
from radin.common.files import file_fingerprint, fingerprint_of
from radin.common.wording import counted, enumerated, shown
from radin.errors import IncompatibleError, InputError
from radin.recipe import Recipe
from radin.weights.finding import check_names, names_of
from radin.weights.pool import KEEP_OPEN, Pool
from radin.weights.training_state import in_order

#: Options of `radin.Pool` that say which tensors of a file are a model's.
OF_MODELS = frozenset({"weights", "prefix", "reorder_classes"})

#: Modules and names that a message lists.
NAMED = 4


class AdapterPool(Pool):
    """Low-rank adapters of one base, averaged as the updates ΔWᵢ = sᵢBᵢAᵢ that they stand for.

    A pool of folders with `adapter_config.json`, as `radin.Pool` makes it. Its soups are adapters: the stacked factors
    of the members, of rank Σ rᵢ, which is Σ wᵢΔWᵢ exactly; or the nearest ones of rank `rank`.

    Arguments:
        paths: folders of adapters, folders that hold some, files of their weights, or globs.
        names: what to call the ingredients; the folders' names by default.
        keep: as for `radin.Pool`, of tensors that are no factors.
        order: as for `radin.Pool`.
        complaints: as for `radin.Pool`.
        rank: of the soups' factors, at most; None stacks them.
        merge: soups are whole models: `radin.Pool` makes a `MergedPool` then.
        base: folder or file of the model that the adapters were trained on, where it is not where their settings say.
        of_models: the other options of `radin.Pool`; none may be set.

    Attributes:
        adapters: the ingredients.
        tensors: what soups average as it is: whole modules (`modules_to_save`) and biases.

    Raises:
        IncompatibleError: other adapters than LoRA, DoRA, other bases, or tensors that differ in shape or dtype.
        CheckpointError, MissingFileError, InputError: as `radin.Pool` raises them.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        names: Sequence[str] | None = None,
        *,
        keep: Sequence[str] = (),
        order: str | None = None,
        complaints: Complaints | None = None,
        rank: int | None = None,
        merge: bool = False,
        base: str | os.PathLike[str] | None = None,
        **of_models: Any,
    ) -> None:
        _check_options(of_models, rank, merge)
        noted = Complaints("adapters") if complaints is None else complaints
        adapters: list[Adapter] = []
        for folder in in_order(adapter_folders(paths, noted), order, names):
            with noted.noting():
                adapters.append(open_adapter(folder))
        fitting = _compatible(adapters, noted, merge)
        if complaints is None or not fitting:
            noted.settle()
        self.adapters = tuple(fitting)
        self.rank, self.merge = rank, merge
        self.base: Base = common_base(self.adapters, base)
        self._checkpoints = tuple(one.checkpoint for one in fitting)
        self.paths, self.searched = tuple(one.folder for one in fitting), ()
        self.names = tuple(names) if names is not None else names_of(self.paths, {})
        check_names(self.names, self.paths)
        self._weights, self._prefix, self._reorders = None, None, False
        self.keep = tuple(keep)
        self._files = tuple(file for one in fitting for file in one.files)
        self.class_names, self.extra_state, self.aliases = None, {}, {}
        self.versions = {}
        self.tensors = dict(fitting[0].plain)
        self.notes = (*self._absent(), *self.base.notes)

    @staticmethod
    def takes(paths: Sequence[Any], **options: Any) -> bool:
        """Whether the paths name adapters, by what lies there, and soups are to be adapters."""
        return not options.get("merge") and names_adapters(paths)

    def __repr__(self) -> str:
        return f"AdapterPool({counted(len(self), 'adapter')}, {counted(len(self.modules), 'module')})"

    @cached_property
    def modules(self) -> dict[str, Module]:
        """`{key: module}` of all modules that any adapter adapts, as the first of them has it; in sorted order."""
        found: dict[str, Module] = {}
        for one in self.adapters:
            found = {**one.modules, **found}
        return dict(sorted(found.items()))

    @property
    def nbytes(self) -> int:
        """Bytes of the largest ingredient's tensors; a soup of stacked factors takes as many as its members."""
        return max(sum(info.nbytes for info in one.checkpoint.tensors.values()) for one in self.adapters)

    def _absent(self) -> list[str]:
        """A clause for each adapter that lacks modules which others adapt."""
        said = []
        for i, one in enumerate(self.adapters):
            missing = [module.name for key, module in self.modules.items() if key not in one.modules]
            if missing:
                more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
                said.append(
                    f"{self.names[i]} does not adapt {enumerated(missing[:NAMED])}{more}, which counts as no update"
                )
        return said

    @property
    def settings(self) -> dict[str, str]:
        """The choices about soups, by the name of their parameter."""
        chosen = {"rank": self.rank, "merge": self.merge or None, "keep": ",".join(self.keep) or None}
        return {name: str(value) for name, value in chosen.items() if value is not None}

    def origin(self, i: int) -> dict[str, Any]:
        """The account of ingredient `i`: under `adapter` its type, the ranks of its modules, their number, the base."""
        one = self.adapters[i]
        about = {
            "type": "DoRA" if one.config.is_dora else "LoRA",
            "ranks": sorted({module.rank for module in one.modules.values()}),
            "modules": len(one.modules),
            "base": one.config.base,
        }
        return {"weights": None, "prefix": "", "left_out": [], "reasons": {}, "adapter": about}

    def only(self, members: Sequence[int]) -> AdapterPool:
        """The pool of some of its ingredients."""
        part = super().only(members)
        assert isinstance(part, AdapterPool)
        part.adapters = tuple(self.adapters[i] for i in members)
        part._files = tuple(file for one in part.adapters for file in one.files)
        part.__dict__.pop("modules", None)
        return part

    def reader(self, i: int) -> Reader:
        """Ingredient `i`, open for reading bytes of its tensors, factors included."""
        return self.adapters[i].checkpoint.open(keep=len(self._files) <= KEEP_OPEN)

    def tensors_of(self, i: int) -> Mapping[str, TensorInfo]:
        """Everything that ingredient `i` stores, factors included."""
        return self.adapters[i].checkpoint.tensors

    def fingerprint(self, i: int, memory: MutableMapping[str, str] | None = None) -> str:
        """SHA-256 that tells ingredient `i` from others: of its files, and of how soups are made of it."""
        return fingerprint_of(*self._fingerprints(i, memory), "adapter", self.rank, *self.keep)

    def _fingerprints(self, i: int, memory: MutableMapping[str, str] | None) -> list[str]:
        return [file_fingerprint(file, memory) for file in self.adapters[i].files]

    def state_dict(self, i: int) -> dict[str, Any]:
        """Refused: an adapter alone is no network's state.

        Raises:
            InputError: always.
        """
        raise InputError(
            f"{self.paths[i]} is an adapter, no network: load it onto its base, peft.PeftModel.from_pretrained(base, "
            f"{str(self.paths[i])!r})"
        )

    def header(self, recipe: Recipe) -> dict[str, TensorInfo]:
        """The tensors of a recipe's soup: factors, whose ranks depend on the members, and what is averaged as it is."""
        if self.is_copy(recipe):
            return dict(self.tensors_of(recipe.members[0]))
        found = dict(self.tensors)
        for key, rank in self.ranks(recipe).items():
            found |= self._factors(key, rank, recipe)
        return found

    def is_copy(self, recipe: Recipe) -> bool:
        """Whether a soup is its one member as it is."""
        return recipe.size == 1 and (self.rank is None or self.adapters[recipe.members[0]].rank <= self.rank)

    def ranks(self, recipe: Recipe) -> dict[str, int]:
        """The rank of each module of a recipe's soup, by key: the sum of the members', or `rank` if that is less."""
        total = {
            key: sum(self.adapters[i].modules[key].rank for i in recipe.members if key in self.adapters[i].modules)
            for key in self.modules
        }
        return {key: rank if self.rank is None else min(rank, self.rank) for key, rank in total.items() if rank}

    def has_bias(self, recipe: Recipe) -> bool:
        """Whether a recipe's soup has a bias on its second factors."""
        return any(self.adapters[i].config.has_bias for i in recipe.members)

    def _factors(self, key: str, rank: int, recipe: Recipe) -> dict[str, TensorInfo]:
        module = self.modules[key]
        owner = next(one for one in self.adapters if key in one.modules)
        a, b = owner.checkpoint.info(module.a), owner.checkpoint.info(module.b)
        found = {module.a: TensorInfo(a.dtype, (rank, *a.shape[1:]))}
        found[module.b] = TensorInfo(b.dtype, (b.shape[0], rank, *b.shape[2:]))
        if self.has_bias(recipe):
            found[f"{module.key}.lora_B.bias"] = TensorInfo(b.dtype, b.shape[:1])
        return found

    @property
    def is_folders(self) -> bool:
        """Whether soups are folders: adapters are."""
        return True

    @property
    def model_folder(self) -> Path | None:
        """The base's folder, if it is at hand."""
        return self.base.place if self.base.place is not None and self.base.place.is_dir() else None


def _check_options(of_models: Mapping[str, Any], rank: int | None, merge: bool) -> None:
    if strange := of_models.keys() - OF_MODELS:
        raise TypeError(f"radin.Pool has no argument {min(strange)!r}")
    if any(value is not None and value is not False for value in of_models.values()):
        raise InputError(
            "a folder of PEFT holds one adapter, without names of classes: leave the choice of weights, prefix and "
            "order of classes out"
        )
    if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
        raise InputError(f"rank must be at least 1, got {rank!r}")
    if rank is not None and merge:
        raise InputError("merge writes the base with the exact update; leave rank out, which cuts an adapter's")


def _compatible(adapters: Sequence[Adapter], complaints: Complaints, merge: bool) -> list[Adapter]:
    """The adapters that can be averaged with the usual one: the first of those that most agree with."""
    if not adapters:
        return []
    headers = [frozenset(one.plain.items()) for one in adapters]
    usual = adapters[headers.index(Counter(headers).most_common(1)[0][0])]
    fitting = []
    for one in adapters:
        with complaints.noting():
            if one.config.is_dora and not merge:
                raise IncompatibleError(
                    f"{one.folder} is a DoRA: each row of the adapted weights has a length of its own, so the average "
                    "of two is no DoRA. Merged models can be averaged."
                ).mended_by(merge=True)
            _compare_settings(usual, one)
            _compare_plain(usual, one)
            _compare_factors(adapters, one)
            fitting.append(one)
    return fitting


def _compare_settings(first: Adapter, other: Adapter) -> None:
    for name in SHARED:
        here, there = first.config.values.get(name), other.config.values.get(name)
        if (here or None) != (there or None):
            raise IncompatibleError(
                f"{name} is {here!r} in {first.config.path}, but {there!r} in {other.config.path}. All adapters of a "
                "pool must share it."
            )


def _compare_plain(first: Adapter, other: Adapter) -> None:
    here, there = first.plain, other.plain
    for lacking, holding, names in (
        (other, first, here.keys() - there.keys()),
        (first, other, there.keys() - here.keys()),
    ):
        if names:
            raise IncompatibleError(
                f"tensor {shown(min(names))}: in {holding.folder}, but not in {lacking.folder}. A module that is "
                "trained as a whole (modules_to_save, bias) must be so in all adapters: only updates can count as zero."
            )
    for name, info in here.items():
        if there[name] != info:
            raise IncompatibleError(
                f"tensor {shown(name)}: {info} in {first.folder}, but {there[name]} in {other.folder}. All adapters "
                "must be of one base, with the same classes, saved in one precision."
            )


def _compare_factors(adapters: Sequence[Adapter], other: Adapter) -> None:
    """Refuses factors of another shape, but for the rank, or another dtype than the first adapter's of that module."""
    for key, module in other.modules.items():
        first = next(one for one in adapters if key in one.modules)
        known = first.modules[key]
        if module.kind != known.kind:
            raise IncompatibleError(
                f"module {shown(key)}: {known.kind} in {first.folder}, {module.kind} in {other.folder}"
            )
        for mine, theirs in ((module.a, known.a), (module.b, known.b)):
            got, expected = other.checkpoint.info(mine), first.checkpoint.info(theirs)
            if _without_rank(got, mine == module.a) != _without_rank(expected, mine == module.a):
                raise IncompatibleError(
                    f"tensor {shown(mine)}: {expected} in {first.folder}, but {got} in {other.folder}. All adapters "
                    "must be of one base, saved in one precision."
                )


def _without_rank(info: TensorInfo, is_a: bool) -> tuple[str, tuple[int, ...]]:
    return info.dtype, info.shape[1:] if is_a else (info.shape[0], *info.shape[2:])
