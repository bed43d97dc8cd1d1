"""The pool: the ingredients on disk, checked to be compatible from their headers alone."""

from __future__ import annotations

import glob
import os
from collections.abc import Collection, Iterable, Mapping, MutableMapping, Sequence
from copy import copy
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from radin.checkpoints import (
    SUFFIXES,
    Reader,
    TensorInfo,
    checkpoints_in,
    is_sidecar,
    open_checkpoint,
    stem_of,
)
from radin.checkpoints.counters import CounterReader
from radin.checkpoints.names import ties
from radin.common.error_list import Complaints
from radin.common.files import digest_of, file_digest
from radin.common.natural_order import natural
from radin.common.wording import counted
from radin.errors import InputError, MissingFileError
from radin.weights.compatibility import check_compatible, common_classes, common_extra_state

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # a pool needs no torch until tensors are asked for

#: Above this many files in all, each is opened for each read, so that the system's limit on open files (often 1024) is
#: never met.
KEEP_OPEN = 256


class Pool:
    """The ingredients: fine-tuned checkpoints of one architecture, in an order that recipes refer to.

    Only headers are read, so a pool takes no memory to speak of, however large its files. Names are compared after the
    prefixes of wrappers are taken off: `module.`, `_orig_mod.`, and in files of Lightning one of `model.`, `net.` and
    `network.` if all tensors share it.

    Arguments:
        paths: files (`.safetensors`, or `.pt`, `.pth`, `.ckpt`, `.bin`, `.pth.tar`, `.tar` from PyTorch), indices of
            sharded ones (`model.safetensors.index.json`), folders or globs. Files keep the order in which they are
            given; those that a folder or glob gives come in natural order, `checkpoint-2` before `checkpoint-10`.
        names: what to call the ingredients; default: the files' stems, with as many parent folders in front as it takes
            to tell them apart.
        weights: `model` or `ema`: the network's own weights or their moving average, of training checkpoints that hold
            both; the key of any other dict of tensors in the files, nested ones with dots between; or `all` for all
            tensors as one network. There is no default for files with several: they make different soups.
        prefix: the network is what stands under this prefix, which is taken off; tensors elsewhere, such as those of a
            loss or a teacher, are left out. By default all tensors are the network's.
        keep: names of tensors that soups do not average but take from their heaviest member: counters that differ, such
            as the pointer of a queue. By default integers that differ are refused.
        complaints: takes note of what is wrong with files, which are left out then, instead of an error for all. At
            least one has to be sound.

    Attributes:
        names: the ingredients' names.
        paths: their files; of a sharded one, its index.
        tensors: `{name: TensorInfo}` of what one ingredient stores, tied tensors once.
        aliases: `{tied name: the name that is stored}`, for the ties that all ingredients have.
        class_names: the classes in the order of the head's outputs, if any ingredient's file says so.
        extra_state: `{name: value}` of what modules keep beside their tensors (`get_extra_state`), equal in all files.

    Raises: what is wrong with several files is said at once, by an error of the first one's class.
        InputError: no file, one file twice, `names` that do not fit, or a choice of `weights` that cannot be one.
        MissingFileError: a file or every match of a glob is missing.
        CheckpointError: a file is damaged, of an unknown format, would run code, or lacks the weights asked for.
        IncompatibleError: tensors' names, shapes or dtypes differ, are factors of low-rank adapters (LoRA), or the
            files say that their classes differ or come in another order.
    """

    def __init__(
        self,
        paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]],
        names: Sequence[str] | None = None,
        *,
        weights: str | None = None,
        prefix: str | None = None,
        keep: Sequence[str] = (),
        complaints: Complaints | None = None,
    ) -> None:
        noted = Complaints("checkpoints") if complaints is None else complaints
        opened = []
        alone: set[Path] = set()
        for path in _resolve(paths, noted, alone):
            with noted.noting():
                opened.append(open_checkpoint(path, weights=weights, prefix=prefix))
        fitting = check_compatible(opened, noted) if opened else []
        if complaints is None or not fitting:
            noted.settle()
        self._checkpoints = tuple(fitting)
        self.paths = tuple(one.path for one in fitting)
        self.names = tuple(names) if names is not None else _names(self.paths, alone)
        _check_names(self.names, self.paths)
        self._weights, self._prefix = weights, prefix
        self.keep = tuple(keep)
        self._files = tuple(file for checkpoint in self._checkpoints for file in checkpoint.files)
        self.class_names = common_classes(self._checkpoints)
        self.extra_state: Mapping[str, Any] = common_extra_state(self._checkpoints)
        first = self._checkpoints[0]
        self.aliases: Mapping[str, str] = ties(
            {name: tuple(one.aliases.get(name, name) for one in self._checkpoints) for name in first.names}
        )
        self.tensors: Mapping[str, TensorInfo] = {
            name: first.info(name) for name in first.names if name not in self.aliases
        }

    def __len__(self) -> int:
        return len(self._checkpoints)

    def __repr__(self) -> str:
        held = f"{counted(len(self), 'ingredient')}, {counted(len(self.tensors), 'tensor')}"
        return f"Pool({held}, {self.nbytes / 1e6:.1f} MB each)"

    @property
    def nbytes(self) -> int:
        """Bytes of one ingredient's tensors; a soup takes as many."""
        return sum(info.nbytes for info in self.tensors.values())

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
        reader = checkpoint.open(keep=len(self._files) <= KEEP_OPEN)
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
            beside what wrappers add; `left_out`: names in the file that are no part of the network; `reasons`: why, by
            name.
        """
        one = self._checkpoints[i]
        reasons = dict(one.left_out)
        return {"weights": one.weights, "prefix": one.prefix, "left_out": list(reasons), "reasons": reasons}

    @property
    def settings(self) -> dict[str, str]:
        """The choices among the contents of the files, by the name of their parameter."""
        chosen = {"weights": self._weights, "prefix": self._prefix, "keep": ",".join(self.keep) or None}
        return {name: value for name, value in chosen.items() if value is not None}

    def digest(self, i: int, memory: MutableMapping[str, str] | None = None) -> str:
        """SHA-256 that tells ingredient `i` from others: of its file, else of its shards and of what is taken of them.

        Arguments:
            i: index of the ingredient.
            memory: digests of files that need not be read again, see `radin.common.files.file_digest`.
        """
        checkpoint = self._checkpoints[i]
        digests = [file_digest(file, memory) for file in checkpoint.files]
        if len(digests) == 1 and checkpoint.weights in (None, "model") and self._prefix is None and not self.keep:
            return digests[0]
        return digest_of(digests, checkpoint.weights, self._prefix, *self.keep)

    def state_dict(self, i: int) -> dict[str, Any]:
        """All tensors of ingredient `i`, in memory of their own; tied names share one tensor. Extra state comes along.

        Arguments:
            i: index of the ingredient.

        Returns:
            what a network's `load_state_dict` takes, stored and tied names.
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
        return state | {name: state[kept] for name, kept in self.aliases.items()} | dict(self.extra_state)


def _resolve(
    paths: str | os.PathLike[str] | Iterable[str | os.PathLike[str]], complaints: Complaints, alone: set[Path]
) -> tuple[Path, ...]:
    """The files that are there; complaints take note of those that are not, and of those given twice.

    Files that are the only model of a folder that was given are added to `alone`.
    """
    given = [paths] if isinstance(paths, str | os.PathLike) else list(paths)
    if not given:
        raise InputError("the pool is empty: expected at least one checkpoint file or a glob that matches some")
    seen: dict[tuple[int, int], Path] = {}
    for one in given:
        with complaints.noting():
            for path in _matches(Path(one).expanduser(), alone):
                with complaints.noting():
                    stat = path.stat()
                    _refuse_twice(path, seen.setdefault((stat.st_dev, stat.st_ino), path))
    return tuple(seen.values())


def _refuse_twice(path: Path, first: Path) -> None:
    if path is not first:
        raise InputError(
            f"{path} and {first} are the same file: each ingredient is given once. "
            f"To give one more weight, say so in the recipe."
        )


def _matches(given: Path, alone: set[Path]) -> list[Path]:
    if given.is_dir():
        inside = checkpoints_in(given)
        if not inside:
            raise MissingFileError(
                f"the pool is empty: the folder {given} holds no checkpoint ({', '.join(SUFFIXES)}); folders within it "
                f"are not looked into, so name them by a glob such as '{given}/*'"
            )
        return _noted_if_alone(inside, alone)
    if given.exists():  # also a file whose name looks like a glob
        return [given]
    pattern = str(given)
    if not glob.has_magic(pattern):
        raise MissingFileError(f"no such checkpoint: {given}")
    matches = glob.glob(pattern, recursive=True)  # noqa: PTH207 -- Path.glob takes no absolute pattern
    paths = sorted(map(Path, matches), key=natural)
    found = [path for path in paths if path.is_file() and not is_sidecar(path)]
    if not found:  # folders of one run each, as trainers leave them
        found = [file for folder in paths if folder.is_dir() for file in _noted_if_alone(checkpoints_in(folder), alone)]
    if not found:
        raise MissingFileError(f"the pool is empty: no file matches {pattern!r}. {_instead(given)}")
    return found


def _noted_if_alone(inside: list[Path], alone: set[Path]) -> list[Path]:
    if len(inside) == 1:
        alone.update(inside)
    return inside


def _instead(pattern: Path) -> str:
    """A hint for a glob that matches nothing: the contents of its folder."""
    folder = next(parent for parent in pattern.parents if not glob.has_magic(str(parent)))
    if not folder.is_dir():
        return f"There is no folder {folder}; correct the path."
    names = sorted(path.name + "/" * path.is_dir() for path in folder.iterdir())
    held = ", ".join(names[:4]) + (", ..." if len(names) > 4 else "") or "nothing"
    return f"The folder {folder} holds {held}; correct the pattern."


def _names(paths: tuple[Path, ...], alone: Collection[Path] = ()) -> tuple[str, ...]:
    """Names of the ingredients; a model that is alone in a folder that was given is named after the folder."""
    full = [
        path.absolute().parent.parts if path in alone else (*path.absolute().parent.parts, stem_of(path))
        for path in paths
    ]
    depth = [1] * len(paths)
    while True:
        names = ["/".join(parts[-count:]) for parts, count in zip(full, depth, strict=True)]
        clashing = [i for i, name in enumerate(names) if names.count(name) > 1]
        if not clashing:
            return tuple(names)
        if all(depth[i] >= len(full[i]) for i in clashing):  # run.pt beside run.safetensors
            return _names(tuple(path.with_name(path.name + ".x") for path in paths))
        for i in clashing:
            depth[i] += 1


def _check_names(names: tuple[str, ...], paths: tuple[Path, ...]) -> None:
    if len(names) != len(paths):
        raise InputError(f"expected one name for each of the {len(paths)} files, got {len(names)}: {list(names)}")
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise InputError(f"two ingredients are called {twice!r}; names must differ")
    for name in names:
        try:
            name.encode()
        except UnicodeEncodeError as error:
            raise InputError(
                f"the name {name!a} cannot be written in UTF-8; rename the file, or choose names yourself"
            ) from error
