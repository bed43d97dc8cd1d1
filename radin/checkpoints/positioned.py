"""Reading a file's bytes at offsets, from several threads."""

from __future__ import annotations

import os
import weakref

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.base import FileReader, Signature
from radin.errors import CheckpointError


class PositionedReader(FileReader):
    """A reader that copies stretches of one file. A file cut short while it is open is an error, never a crash.

    Arguments:
        signature: of the file whose header was read.
        keep: hold a file descriptor until closed; False opens the file for each read.
    """

    def __init__(self, signature: Signature, keep: bool) -> None:
        super().__init__(signature)
        self._path = signature.path
        # os.preadv reads at an offset without moving a shared position, so threads share one descriptor.
        self._descriptor = self._opened() if keep and hasattr(os, "preadv") else None
        self._closing = None if self._descriptor is None else weakref.finalize(self, os.close, self._descriptor)

    def _opened(self) -> int:
        try:
            return os.open(self._path, os.O_RDONLY)
        except OSError as error:
            raise CheckpointError(f"{self._path} can no longer be read: {error.strerror}") from error

    def _fill(self, target: UInt8[np.ndarray, " bytes"], offset: int) -> UInt8[np.ndarray, " bytes"]:
        """Fills `target` with the file's bytes from `offset` on."""
        done = 0
        while done < target.size:  # nearly always once
            count = self._read_some(target[done:], offset + done)
            if not count:
                self.check_unchanged()
                raise CheckpointError(
                    f"{self._path} ended {target.size - done} bytes early while being read: was it truncated?"
                )
            done += count
        return target

    def _read_some(self, target: UInt8[np.ndarray, " bytes"], offset: int) -> int:
        try:
            if self._descriptor is not None:
                return os.preadv(self._descriptor, [target.data], offset)
            with self._path.open("rb", buffering=0) as file:
                file.seek(offset)
                return file.readinto(target.data) or 0
        except OSError as error:
            raise CheckpointError(f"{self._path} can no longer be read: {error.strerror}") from error

    def close(self) -> None:
        """Closes the descriptor, if one is held."""
        self._descriptor = None
        if self._closing is not None:
            self._closing()
