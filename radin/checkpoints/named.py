"""A checkpoint under the names that its bare network uses."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.base import Checkpoint, Reader
from radin.checkpoints.model_folder import ModelFolder
from radin.checkpoints.names import module_names, network_names, ties


class NetworkCheckpoint(Checkpoint):
    """Another checkpoint whose tensors are called as the bare network calls them.

    Arguments:
        inner: the checkpoint, with the names that stand in its files.
        prefix: the network is what stands under it, see `radin.checkpoints.names.network_names`.

    Attributes:
        prefix: what was taken off every name, beside what wrappers add; empty if nothing was.
        left_out: `{name: why}` of what the files hold beside the network.

    Raises:
        CheckpointError: two names become one, or none has the prefix.
    """

    def __init__(self, inner: Checkpoint, prefix: str | None = None) -> None:
        self._inner = inner
        self.path = inner.path
        every = [*inner.names, *(name for name in inner.extra if name not in inner.names)]
        short, self.prefix = network_names(every, inner.path, prefix=prefix, lightning=inner.lightning)
        elsewhere = {
            name: "not under the prefix" if self.prefix else "a counter" for name in every if name not in short
        }
        self.left_out = {**inner.left_out, **elsewhere}
        self.extra = {short.pop(name): value for name, value in inner.extra.items() if name in short}
        modules = module_names(short)
        self.versions = {modules[one]: held for one, held in inner.versions.items() if one in modules}
        self._stored = {rest: name for name, rest in short.items()}
        self.aliases = ties({rest: inner.aliases.get(name, name) for name, rest in short.items()})
        self.tensors = {rest: inner.info(name) for name, rest in short.items() if rest not in self.aliases}
        self.metadata, self.class_names = inner.metadata, inner.class_names
        self.weights, self.lightning, self.numbers = inner.weights, inner.lightning, inner.numbers

    @property
    def folder(self) -> ModelFolder | None:
        """The model's folder that it is, with its config; None for files."""
        return self._inner if isinstance(self._inner, ModelFolder) else None

    @property
    def files(self) -> tuple[Path, ...]:
        """All files that it is read from."""
        return self._inner.files

    def open(self, keep: bool = True) -> Reader:
        """Opens the files for reading their tensors' bytes."""
        return _NetworkReader(self._inner.open(keep), self._stored)


class _NetworkReader(Reader):
    def __init__(self, inner: Reader, stored: Mapping[str, str]) -> None:
        self._inner = inner
        self._stored = stored

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor."""
        return self._inner.read(self._stored[name], start, stop, buffer)

    def check_unchanged(self) -> None:
        """Raises CheckpointError if a file was changed since its header was read."""
        self._inner.check_unchanged()

    def close(self) -> None:
        """Lets go of the files."""
        self._inner.close()
