"""The interface of every format: a header of tensors, and their bytes piece by piece."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.dtypes import TensorInfo
from radin.errors import CheckpointError


class Signature:
    """Tells whether a file is still the one whose header was read: its inode, size and time of change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._seen = self._look()

    def _look(self) -> tuple[int, int, int, int]:
        stat = self.path.stat()
        return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns

    def check(self) -> None:
        """Raises CheckpointError if the file is another one now, or gone."""
        try:
            same = self._look() == self._seen
        except OSError as error:
            raise CheckpointError(
                f"{self.path} can no longer be read: {error.strerror}. Build the pool anew."
            ) from error
        if not same:
            raise CheckpointError(
                f"{self.path} was changed after its header was read, so its tensors may be another model's. "
                f"Build the pool anew once the file is complete."
            )


class Reader(ABC):
    """One checkpoint, open for reading. Safe to call from several threads."""

    @abstractmethod
    def check_unchanged(self) -> None:
        """Raises CheckpointError if a file was changed since its header was read: what it gives may be mixed up."""

    @abstractmethod
    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor, row by row as if it were contiguous.

        Arguments:
            name: the tensor, or a name tied to it.
            start: first byte.
            stop: one past the last byte.
            buffer: at least `stop - start` bytes, which may be overwritten.

        Returns:
            the bytes: a view of `buffer`, or of memory that must not be written to.

        Raises:
            CheckpointError: the file is shorter than its header says.
        """

    @abstractmethod
    def close(self) -> None:
        """Lets go of the file."""

    def __enter__(self) -> Reader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class FileReader(Reader):
    """A reader of one file.

    Arguments:
        signature: of the file whose header was read.

    Raises:
        CheckpointError: the file is another one now, or gone.
    """

    def __init__(self, signature: Signature) -> None:
        signature.check()
        self._signature = signature

    def check_unchanged(self) -> None:
        """Raises CheckpointError if the file was changed since its header was read."""
        self._signature.check()


class Checkpoint(ABC):
    """The header of one checkpoint.

    Attributes:
        path: the file that stands for it: its only one, or the index of its shards.
        tensors: what is stored, by name.
        aliases: `{name: the stored name that it is tied to}`.
        metadata: strings that are kept beside the tensors.
        class_names: the classes in the order of the head's outputs, where the file says so.
        weights: which weights were taken, where the file holds more than a state dict: `model`, `ema`, or a key.
        left_out: `{name: why}` of the entries of the file that are no part of the network.
        extra: `{name: value}` of extra state that modules keep beside their tensors.
        versions: `{module: {"version": number}}` where it is not 1, as PyTorch's state dicts state it: how a module
            loads its tensors may depend on it.
        numbers: `{name: value}` of the numbers that stand beside the network in the file, such as `step`.
        lightning: whether Lightning wrote it, which puts the name of an attribute before every tensor's.
    """

    path: Path
    tensors: Mapping[str, TensorInfo]
    aliases: Mapping[str, str]
    metadata: Mapping[str, str] = MappingProxyType({})
    class_names: tuple[str, ...] | None = None
    weights: str | None = None
    lightning: bool = False
    left_out: Mapping[str, str] = MappingProxyType({})
    extra: Mapping[str, Any] = MappingProxyType({})
    numbers: Mapping[str, int | float] = MappingProxyType({})
    versions: Mapping[str, Mapping[str, Any]] = MappingProxyType({})

    @abstractmethod
    def open(self, keep: bool = True) -> Reader:
        """Opens the file for reading its tensors' bytes.

        Arguments:
            keep: hold a file descriptor until closed; False opens the file for each read, for pools of very many files.
        """

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it is read from."""
        return (self.path,)

    @property
    def names(self) -> list[str]:
        """All names, stored and tied."""
        return [*self.tensors, *self.aliases]

    def info(self, name: str) -> TensorInfo:
        """The tensor under a stored or a tied name."""
        return self.tensors[self.aliases.get(name, name)]
