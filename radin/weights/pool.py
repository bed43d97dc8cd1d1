"""The pool: the ingredients on disk, checked to be compatible from their headers alone."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Iterable, Mapping, MutableMapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from radin.checkpoints import ModelFolder, Reader, TensorInfo, open_checkpoint
from radin.checkpoints.counters import CounterReader
from radin.checkpoints.names import ties
from radin.common.error_list import Complaints
from radin.common.files import file_fingerprint, fingerprint_of, most_open_files
from radin.common.html import table
from radin.common.wording import counted
from radin.errors import InputError
from radin.weights.class_rows import ReorderedCheckpoint, in_one_order
from radin.weights.compatibility import check_compatible, common_classes, common_extra_state, common_versions
from radin.weights.configs import check_folders
from radin.weights.finding import check_names, find, names_of
from radin.weights.repeated import repeated_models, said_of_repeated
from radin.weights.training_state import in_order

if TYPE_CHECKING:
    from torch import Tensor

    from radin.recipe import Recipe
else:
    Tensor = Any  # a pool needs no torch until tensors are asked for

#: Above this many files in all, or above a quarter of those that the system lets a process open (often 1024), each is
#: opened for each read.
KEEP_OPEN = 256


class _Kinds(type):
    """Makes a pool of the kind that the files ask for."""

    def __call__(cls, paths: Any, *args: Any, **options: Any) -> Any:
        given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
        kinds = Pool.kinds if cls is Pool else []
        kind = next((one for one in kinds if one.takes(given, **options)), cls)
        return type.__call__(kind, given, *args, **options)


class Pool(metaclass=_Kinds):
    """The ingredients: fine-tuned checkpoints of one architecture, in an order that recipes refer to.

    Only headers are read, so a pool takes no memory to speak of, however large its files. Names are compared after the
    prefixes of wrappers are taken off: `module.`, `_orig_mod.`, and in files of Lightning one of `model.`, `net.` and
    `network.` if all tensors share it.

    Arguments:
        paths: files (`.safetensors`, or `.pt`, `.pth`, `.ckpt`, `.bin`, `.pth.tar`, `.tar` from PyTorch), indices of
            sharded ones (`model.safetensors.index.json`), folders of models as Hugging Face's libraries save them (with
            a `config.json`), other folders, or globs. What is given keeps its order; what a folder or glob gives comes
            in natural order, `checkpoint-2` before `checkpoint-10`. A folder of runs stands for the model or the one
            checkpoint in each; a model's folder with checkpoints of `Trainer` in it, if it alone is given, for all.
        names: what to call the ingredients; default: the files' stems, with as many parent folders in front as it takes
            to tell them apart, or the folders, without the parts that all of them share. A model's folder that holds
            the same weights as another is left out, unless names are given.
        weights: `model` or `ema`: the network's own weights or their moving average, of training checkpoints that hold
            both; the key of any other dict of tensors in the files, nested ones with dots between; or `all` for all
            tensors as one network. There is no default for files with several: they make different soups.
        prefix: the network is what stands under this prefix, which is taken off; tensors elsewhere, such as those of a
            loss or a teacher, are left out. By default all tensors are the network's.
        keep: names of tensors that soups do not average but take from their heaviest member: counters that differ, such
            as the pointer of a queue. By default integers that differ are refused.
        reorder_classes: bring the rows of heads into one order where folders name the same classes (`id2label`) in
            another one. By default they are refused.
        order: sort the ingredients by what their training runs noted: `step`, `epoch` or a metric such as `eval_loss`,
            the best last, as `last-k` and `windows` take them. `radin inspect` shows what there is. Numbers beside the
            weights in PyTorch's files count, too.
        complaints: takes note of what is wrong with files, which are left out then, instead of an error for all. At
            least one has to be sound.
        rank, merge, base: of low-rank adapters, whose folders (`adapter_config.json`) make a pool of another kind:
            soups are adapters of at most this rank, or models merged into the base; see `radin.adapters.pool`.

    Attributes:
        names: the ingredients' names.
        paths: their files; of a sharded one, its index; of a model's folder, the folder.
        searched: folders in which ingredients were looked for.
        notes: what a user should know of what was found, or left out; a clause each.
        tensors: `{name: TensorInfo}` of what one ingredient stores, tied tensors once.
        aliases: `{tied name: the name that is stored}`, for the ties that all ingredients have.
        class_names: the classes in the order of the head's outputs, if any ingredient's file says so.
        extra_state: `{name: value}` of what modules keep beside their tensors (`get_extra_state`), equal in all files.
        versions: `{module: {"version": number}}` as PyTorch's state dicts state it, where it is not 1.

    Raises: what is wrong with several files is said at once, by an error of the first one's class.
        InputError: no file, one file twice, `names` that do not fit, or a choice of `weights` that cannot be one.
        MissingFileError: a file or every match of a glob is missing.
        CheckpointError: a file is damaged, of an unknown format, would run code, or lacks the weights asked for.
        IncompatibleError: tensors' names, shapes or dtypes differ, are factors of low-rank adapters (LoRA), the files
            say that their classes differ or come in another order, or folders differ in config, tokenizer or
            preparation of inputs.
    """

    #: Kinds of pools that tell by the paths, and the options, whether they are meant; the first that does is made.
    kinds: ClassVar[list[type[Pool]]] = []

    def __init__(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        names: Sequence[str] | None = None,
        *,
        weights: str | None = None,
        prefix: str | None = None,
        keep: Sequence[str] = (),
        reorder_classes: bool = False,
        order: str | None = None,
        complaints: Complaints | None = None,
        rank: int | None = None,
        merge: bool = False,
        base: str | os.PathLike[str] | None = None,
    ) -> None:
        if rank is not None or merge or base is not None:
            raise InputError(
                "rank, merge and base are for folders of low-rank adapters (adapter_config.json), and these are none"
            )
        noted = Complaints("checkpoints") if complaints is None else complaints
        found = find(paths, noted)
        opened = []
        for path in found.paths:
            with noted.noting():
                opened.append(open_checkpoint(path, weights=weights, prefix=prefix))
        by_path = {one.path: one for one in opened}
        opened = [by_path[path] for path in in_order(list(by_path), order, names, [one.numbers for one in opened])]
        fitting = check_folders(check_compatible(opened, noted), noted, reorder=reorder_classes) if opened else []
        if complaints is None or not fitting:
            noted.settle()
        fitting = in_one_order(fitting) if reorder_classes else fitting
        repeated = repeated_models(fitting) if names is None else {}
        self.searched = tuple(found.searched)
        self.notes = (*found.notes, *(said_of_repeated(fitting[i].path, fitting[j].path) for i, j in repeated.items()))
        fitting = [one for i, one in enumerate(fitting) if i not in repeated]
        self._checkpoints = tuple(fitting)
        self.paths = tuple(one.path for one in fitting)
        self.names = tuple(names) if names is not None else names_of(self.paths, found.homes)
        check_names(self.names, self.paths)
        self._weights, self._prefix, self._reorders = weights, prefix, reorder_classes
        self.keep = tuple(keep)
        self._files = tuple(file for checkpoint in self._checkpoints for file in checkpoint.files)
        self.class_names = common_classes(self._checkpoints)
        self.extra_state: Mapping[str, Any] = common_extra_state(self._checkpoints)
        self.versions: Mapping[str, Mapping[str, Any]] = common_versions(self._checkpoints)
        first = self._checkpoints[0]
        self.aliases: Mapping[str, str] = ties(
            {name: tuple(one.aliases.get(name, name) for one in self._checkpoints) for name in first.names}
        )
        self.tensors: Mapping[str, TensorInfo] = {
            name: first.info(name) for name in first.names if name not in self.aliases
        }

    @staticmethod
    def takes(paths: Sequence[Any], **options: Any) -> bool:
        """Whether the paths name ingredients of this kind of pool; asked of those in `kinds`."""
        return False

    def __len__(self) -> int:
        return len(self._checkpoints)

    def __repr__(self) -> str:
        held = f"{counted(len(self), 'ingredient')}, {counted(len(self.tensors), 'tensor')}"
        return f"Pool({held}, {self.nbytes / 1e6:.1f} MB each)"

    def _repr_html_(self) -> str:
        return table(repr(self), ("ingredient", "file"), zip(self.names, map(str, self.paths), strict=True))

    @property
    def nbytes(self) -> int:
        """Bytes of one ingredient's tensors; a soup takes as many."""
        return sum(info.nbytes for info in self.tensors.values())

    def tensors_of(self, i: int) -> Mapping[str, TensorInfo]:
        """The tensors that ingredient `i` stores: those of the pool, unless ingredients differ in kind."""
        return self.tensors

    def header(self, recipe: Recipe) -> Mapping[str, TensorInfo]:
        """The tensors of a recipe's soup."""
        return self.tensors

    @property
    def model_folder(self) -> Path | None:
        """A folder with the config and the tokenizer of the ingredients' network, if any is known."""
        return self.paths[0] if self.is_folders else None

    def only(self, members: Sequence[int]) -> Pool:
        """The pool of some of its ingredients.

        Arguments:
            members: their indices, in ascending order; at least one.
        """
        part = copy(self)
        part._checkpoints = tuple(self._checkpoints[i] for i in members)
        part.paths = tuple(self.paths[i] for i in members)
        part.names = tuple(self.names[i] for i in members)
        part._files = tuple(file for checkpoint in part._checkpoints for file in checkpoint.files)
        return part

    def reader(self, i: int) -> Reader:
        """Ingredient `i`, open for reading bytes of its tensors; to be closed, or used in a `with` statement."""
        checkpoint = self._checkpoints[i]
        reader = checkpoint.open(keep=len(self._files) <= min(KEEP_OPEN, most_open_files() // 4))
        recast = {
            name: (checkpoint.info(name), info)
            for name, info in self.tensors.items()
            if checkpoint.info(name).dtype != info.dtype
        }
        return CounterReader(reader, recast) if recast else reader

    @property
    def files(self) -> tuple[Path, ...]:
        """All files of all ingredients, shards included."""
        return self._files

    @property
    def metadata(self) -> dict[str, str]:
        """The strings that all ingredients keep beside their tensors, equal in each; those of radin's soups aside."""
        first, *others = (checkpoint.metadata for checkpoint in self._checkpoints)
        return {
            key: value
            for key, value in first.items()
            if not key.startswith("radin.") and all(other.get(key) == value for other in others)
        }

    def stated(self, i: int) -> Mapping[str, str]:
        """The strings that ingredient `i` keeps beside its tensors."""
        return self._checkpoints[i].metadata

    def origin(self, i: int) -> dict[str, Any]:
        """The account of ingredient `i`'s file: the part that was taken, and the rest, for a person to check.

        Returns:
            `weights`: `model`, `ema` or a key, None from a plain state dict; `prefix`: what was taken off every name,
            beside what wrappers add; `extra_state`: names of what modules keep beside their tensors, which is taken
            along; `left_out`: names in the file that are no part of the network; `reasons`: why, by name.
        """
        one = self._checkpoints[i]
        reasons = dict(one.left_out)
        about = {"weights": one.weights, "prefix": one.prefix, "extra_state": list(one.extra)}
        return about | {"left_out": list(reasons), "reasons": reasons}

    @property
    def folders(self) -> tuple[ModelFolder | None, ...]:
        """The ingredients' folders with their configs; None for one that is a file."""
        return tuple(checkpoint.folder for checkpoint in self._checkpoints)

    @property
    def is_folders(self) -> bool:
        """Whether all ingredients are whole models' folders, so that a soup can be one, too."""
        return all(checkpoint.folder is not None and not checkpoint.prefix for checkpoint in self._checkpoints)

    @property
    def settings(self) -> dict[str, str]:
        """The choices among the contents of the files, by the name of their parameter."""
        chosen = {"weights": self._weights, "prefix": self._prefix, "keep": ",".join(self.keep) or None}
        chosen["reorder_classes"] = "True" if self._reorders else None
        return {name: value for name, value in chosen.items() if value is not None}

    def fingerprint(self, i: int, memory: MutableMapping[str, str] | None = None) -> str:
        """SHA-256 that tells ingredient `i` from others: of its file, else of its shards and of what is taken of them.

        Arguments:
            i: index of the ingredient.
            memory: fingerprints of files that need not be read again, see `radin.common.files.file_fingerprint`.
        """
        checkpoint = self._checkpoints[i]
        fingerprints = [file_fingerprint(file, memory) for file in checkpoint.files]
        if isinstance(checkpoint, ReorderedCheckpoint):
            fingerprints.append(fingerprint_of("rows", checkpoint.order))
        if len(fingerprints) == 1 and checkpoint.weights in (None, "model") and self._prefix is None and not self.keep:
            return fingerprints[0]
        return fingerprint_of(fingerprints, checkpoint.weights, self._prefix, *self.keep)

    def state_dict(self, i: int) -> dict[str, Any]:
        """All tensors of ingredient `i`, in memory of their own; tied names share one tensor. Extra state comes along.

        Arguments:
            i: index of the ingredient.

        Returns:
            what a network's `load_state_dict` takes, stored and tied names, with the modules' versions as `_metadata`.
        """
        import torch

        state = {}
        with self.reader(i) as reader:
            for name, info in self.tensors.items():
                tensor = torch.empty(info.shape, dtype=getattr(torch, info.dtype))
                if info.nbytes:
                    target = tensor.reshape(-1).view(torch.uint8).numpy()
                    np.copyto(target, reader.read(name, 0, info.nbytes, target))
                state[name] = tensor
        whole = OrderedDict(state | {name: state[kept] for name, kept in self.aliases.items()} | dict(self.extra_state))
        if self.versions:
            whole._metadata = {name: dict(held) for name, held in self.versions.items()}  # type: ignore[attr-defined]
        return whole
