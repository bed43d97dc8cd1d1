"""The fingerprint of samples that come in batches, whatever the size of these."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping
from typing import Any

import torch

from radin.common.files import fingerprint_of
from radin.tasks.batches import CONSTANTS, Column


class ContentFingerprint:
    """Takes batches one by one and makes one fingerprint of them; each tensor in their structure has a hash of its own.

    Attributes:
        several_sizes: two shapes that samples of one input have; None where all have one.
    """

    def __init__(self) -> None:
        self.several_sizes: tuple[list[int], list[int]] | None = None
        self._parts: dict[str, Any] = {}
        self._kinds: dict[str, str] = {}
        self._sizes: dict[str, list[int]] = {}

    def feed(self, inputs: Any, place: str = "inputs") -> None:
        """Takes one more batch: tensors by dtype, shape and bytes, the rest by `repr`.

        Arguments:
            inputs: a tensor, a dict, list or tuple of them, or something else.
            place: where in the structure they stand.
        """
        if isinstance(inputs, Mapping):
            for name, value in inputs.items():
                self.feed(value, f"{place}[{name!r}]")
        elif isinstance(inputs, Column):
            for entry in inputs:
                self._part(place).update(_contents(entry))
        elif isinstance(inputs, list | tuple):
            for i, value in enumerate(inputs):
                self.feed(value, f"{place}[{i}]")
        elif isinstance(inputs, torch.Tensor):
            self._feed_tensor(inputs.detach().cpu().contiguous(), place)
        else:
            self._part(place).update(repr(inputs).encode())

    def value(self) -> str:
        """The fingerprint of all that was taken so far."""
        return fingerprint_of({place: part.hexdigest() for place, part in self._parts.items()})

    def _feed_tensor(self, tensor: torch.Tensor, place: str) -> None:
        part, kind = self._part(place), repr((tensor.dtype, tuple(tensor.shape[1:])))
        size = list(tensor.shape[1:])
        if self._sizes.setdefault(place, size) != size:
            self.several_sizes = self._sizes[place], size
        if self._kinds.get(place) != kind:
            part.update(kind.encode())
        self._kinds[place] = kind
        part.update(tensor.reshape(-1).view(torch.uint8).numpy().data)

    def _part(self, place: str) -> Any:
        return self._parts.setdefault(place, hashlib.sha256())


def _contents(entry: Any) -> bytes:
    """A value that tells one entry of a `Column` from another."""
    if isinstance(entry, torch.Tensor):
        entry = entry.detach().cpu().contiguous()
        return repr((entry.dtype, tuple(entry.shape))).encode() + entry.reshape(-1).view(torch.uint8).numpy().tobytes()
    if isinstance(entry, Mapping):
        return b"".join(repr(name).encode() + _contents(value) for name, value in entry.items())
    if isinstance(entry, list | tuple):
        return b"".join(_contents(value) for value in entry) + b"]"
    return repr(entry).encode() if isinstance(entry, CONSTANTS) else pickle.dumps(entry)
