"""Counters that some files hold in another dtype, as a script that casts all of a state dict leaves them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from jaxtyping import UInt8

from radin.checkpoints.base import Reader
from radin.checkpoints.dtypes import TensorInfo, widen
from radin.common.wording import shown
from radin.errors import CheckpointError


class CounterReader(Reader):
    """Another reader that gives some tensors in another dtype.

    Arguments:
        inner: the reader.
        recast: `{name: (stored, wanted)}`; for counters, which are whole numbers in whatever dtype.
    """

    def __init__(self, inner: Reader, recast: Mapping[str, tuple[TensorInfo, TensorInfo]]) -> None:
        self._inner = inner
        self._recast = recast

    def read(
        self, name: str, start: int, stop: int, buffer: UInt8[np.ndarray, " space"]
    ) -> UInt8[np.ndarray, " bytes"]:
        """Bytes `start` to `stop` of one tensor, as those of the wanted dtype."""
        if name not in self._recast:
            return self._inner.read(name, start, stop, buffer)
        stored, wanted = self._recast[name]
        first, last = start // wanted.kind.itemsize, stop // wanted.kind.itemsize
        width = stored.kind.itemsize
        raw = self._inner.read(name, first * width, last * width, np.empty((last - first) * width, dtype=np.uint8))
        values = raw.view(stored.kind.storage)
        if stored.kind.family == "float":
            values = widen(raw, stored.kind, np.empty(last - first, dtype=stored.kind.accumulator))
        with np.errstate(invalid="ignore"):
            cast = values.astype(wanted.kind.storage)
        if stored.kind.family == "opaque" or not np.array_equal(cast.astype(np.float64), values.astype(np.float64)):
            raise CheckpointError(f"counter {shown(name)} is {stored}, which cannot be told in {wanted}")
        return cast.view(np.uint8)

    def check_unchanged(self) -> None:
        """Raises CheckpointError if a file was changed since its header was read."""
        self._inner.check_unchanged()

    def close(self) -> None:
        """Lets go of the files."""
        self._inner.close()
