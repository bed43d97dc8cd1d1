"""Batches of samples, whatever their structure: tensors, or dicts, lists and tuples of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64

from radin.errors import DataError, TaskError


@runtime_checkable
class Fingerprinted(Protocol):
    """A dataset that knows its labels and contents without being read through, as those that radin ships do."""

    @property
    def labels(self) -> Int64[np.ndarray, " M"]:
        """The class of every sample."""

    def fingerprint(self) -> str:
        """A digest of everything that the samples depend on."""


def map_tensors(function: Callable[[torch.Tensor], Any], inputs: Any) -> Any:
    """Applies a function to every tensor in a tensor, or in a dict, list or tuple of them."""
    if isinstance(inputs, torch.Tensor):
        return function(inputs)
    if isinstance(inputs, Mapping):
        return {name: map_tensors(function, value) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return [map_tensors(function, value) for value in inputs]
    return inputs


def concatenate(batches: Sequence[Any]) -> Any:
    """One batch of several, of the structure that each of them has."""
    first = batches[0]
    if isinstance(first, torch.Tensor):
        return torch.cat(list(batches))
    if isinstance(first, Mapping):
        return {name: concatenate([batch[name] for batch in batches]) for name in first}
    if isinstance(first, list | tuple):
        return [concatenate(parts) for parts in zip(*batches, strict=True)]
    return first


def n_samples(inputs: Any) -> int:
    """Samples in a batch: the length of the first tensor found in it."""
    sizes: list[int] = []
    map_tensors(lambda tensor: sizes.append(len(tensor)), inputs)
    if not sizes:
        raise TaskError(f"expected a batch with at least one tensor of inputs, got {type(inputs).__name__}")
    return sizes[0]


def is_pair(data: Any) -> bool:
    """Whether data are a pair `(inputs, labels)`, rather than a list of two samples."""
    return isinstance(data, tuple | list) and len(data) == 2 and isinstance(data[1], np.ndarray | torch.Tensor)


def label_array(labels: Any, what: str) -> Int64[np.ndarray, " b"]:
    """Labels as radin holds them.

    Raises:
        DataError: they are not one integer for each sample.
    """
    array = np.asarray(labels.cpu() if isinstance(labels, torch.Tensor) else labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"{what}: expected one integer label per sample, got {array.dtype} labels of shape {list(array.shape)}; "
            "one-hot labels become integers by argmax(1), floats by .long()"
        )
    return array.astype(np.int64)
