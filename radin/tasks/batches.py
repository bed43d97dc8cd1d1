"""Batches of samples in any structure: tensors and lists with one entry a sample, in dicts, lists and tuples."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Int64

from radin.errors import DataError

#: Values that may stand in a batch as they are, the same for every sample.
CONSTANTS = (str, bytes, bool, int, float, complex, np.generic, type(None))


@runtime_checkable
class Fingerprinted(Protocol):
    """A dataset that knows its labels and contents without being read through, as those that radin ships do."""

    @property
    def labels(self) -> Int64[np.ndarray, " M"]:
        """The class of every sample."""

    def fingerprint(self) -> str:
        """Fingerprint of everything that the samples depend on."""


class Column(list[Any]):
    """A list with one entry for each sample: strings, or tensors of several sizes."""


def one_row_a_sample(inputs: Any, n: int, what: str) -> Any:
    """Inputs whose every part has one row for each sample, so that they can be cut into batches.

    Arguments:
        inputs: tensors, arrays and lists, also in dicts, lists and tuples. Numbers, strings and None beside them stay
            as they are.
        n: how many samples these are.
        what: how error messages call the data.

    Returns:
        the same structure: arrays as tensors, and lists with one entry a sample as a `Column`.

    Raises:
        DataError: a part has another number of rows, or cannot be cut; says which.
    """
    if isinstance(inputs, CONSTANTS):
        raise DataError(f"{what}: expected inputs as tensors, or dicts, lists and tuples of them, got {_shown(inputs)}")
    return _whole(inputs, n, what, "inputs")


def _whole(value: Any, n: int, what: str, place: str) -> Any:
    if isinstance(value, CONSTANTS):
        return value
    if isinstance(value, np.ndarray) and value.dtype.kind in "OSU":
        value = value.tolist() if value.ndim else [value.item()]
    if isinstance(value, torch.Tensor | np.ndarray):
        return _tensor(value, n, what, place)
    if isinstance(value, Mapping):
        return {name: _whole(one, n, what, f"{place}[{name!r}]") for name, one in value.items()}
    if not isinstance(value, list | tuple):
        raise DataError(
            f"{what}: {place} are {_shown(value)}, which radin cannot cut into samples; give tensors, arrays, lists "
            "with one entry a sample, or dicts and tuples of these"
        )
    if _is_column(value, n):
        return Column(value)
    if all(isinstance(one, CONSTANTS) for one in value):
        raise DataError(f"{what}: {place} are a list of {len(value)}, but there are {n} samples; {_REMEDY}")
    return _rebuilt(value, [_whole(one, n, what, f"{place}[{i}]") for i, one in enumerate(value)])


#: The remedy for inputs that belong to all samples together.
_REMEDY = (
    "every part of the inputs must have one row for each sample, since batches are cut by samples. Give what belongs "
    "to all samples, such as the edges of a graph, to the network or to forward=(network, inputs) instead"
)


def _tensor(value: Any, n: int, what: str, place: str) -> torch.Tensor:
    tensor = as_tensor(value, what, place)
    if tensor.layout != torch.strided or tensor.is_nested:
        kind = "nested" if tensor.is_nested else "sparse"
        raise DataError(f"{what}: {place} are a {kind} tensor, which cannot be cut by samples; give a dense one")
    if tensor.ndim == 0 or len(tensor) != n:
        got = f"shape {list(tensor.shape)}"
        if tensor.ndim and place == "inputs":
            raise DataError(f"{what}: {len(tensor)} inputs but {n} labels; there must be one label each")
        raise DataError(f"{what}: {place} have {got}, but there are {n} samples; {_REMEDY}")
    return tensor


def as_tensor(value: torch.Tensor | np.ndarray, what: str, place: str = "inputs") -> torch.Tensor:
    """A tensor on the memory of an array, where PyTorch can; else a copy of it.

    Raises:
        DataError: PyTorch has no such numbers.
    """
    if isinstance(value, torch.Tensor):
        return value
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # that the array is read-only: nothing writes to it
            native = value.astype(value.dtype.newbyteorder("="), copy=False)
            return torch.from_numpy(native if all(step >= 0 for step in native.strides) else native.copy())
    except TypeError as error:
        raise DataError(f"{what}: {place} are an array of {value.dtype}, which PyTorch does not know") from error


def _is_column(value: Sequence[Any], n: int) -> bool:
    """Whether a list has one entry for each sample, rather than being a structure of parts that have a row each."""
    if len(value) != n or hasattr(value, "_fields"):
        return False
    parts = [one for one in value if not isinstance(one, CONSTANTS)]
    return not parts or not all(_fits(one, n) for one in parts)


def _fits(value: Any, n: int) -> bool:
    """Whether all of a structure has one row for each sample."""
    try:
        _whole(value, n, "", "")
    except DataError:
        return False
    return True


def _rebuilt(like: Any, items: list[Any]) -> Any:
    """A list, tuple or named tuple with other items."""
    if isinstance(like, Column):
        return Column(items)
    if isinstance(like, tuple):
        return type(like)(*items) if hasattr(like, "_fields") else tuple(items)
    return items


def _shown(value: Any) -> str:
    return repr(value)[:60] if isinstance(value, CONSTANTS) else f"of type {type(value).__name__}"


def map_tensors(function: Callable[[torch.Tensor], Any], inputs: Any) -> Any:
    """Applies a function to every tensor in a tensor, or in a dict, list or tuple of them."""
    if isinstance(inputs, torch.Tensor):
        return function(inputs)
    if isinstance(inputs, Mapping):
        return {name: map_tensors(function, value) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return _rebuilt(inputs, [map_tensors(function, value) for value in inputs])
    return inputs


def cut(inputs: Any, rows: slice | Int64[torch.Tensor, " b"]) -> Any:
    """Some samples of a batch that `one_row_a_sample` made, in the same structure.

    Arguments:
        inputs: the batch.
        rows: which samples.
    """
    if isinstance(inputs, torch.Tensor):
        return inputs[rows]
    if isinstance(inputs, Column):
        return Column(inputs[rows] if isinstance(rows, slice) else [inputs[i] for i in rows.tolist()])
    if isinstance(inputs, Mapping):
        return {name: cut(value, rows) for name, value in inputs.items()}
    if isinstance(inputs, list | tuple):
        return _rebuilt(inputs, [cut(value, rows) for value in inputs])
    return inputs


def concatenate(batches: Sequence[Any]) -> Any:
    """One batch of several, of the structure that each of them has.

    Raises:
        DataError: tensors of several sizes.
    """
    first = batches[0]
    if isinstance(first, torch.Tensor):
        shapes = sorted({tuple(batch.shape[1:]) for batch in batches})
        if len(shapes) > 1:
            raise DataError(f"samples of several sizes, such as {list(shapes[0])} and {list(shapes[1])}")
        return torch.cat(list(batches))
    if isinstance(first, Column):
        return Column(entry for batch in batches for entry in batch)
    if isinstance(first, Mapping):
        return {name: concatenate([batch[name] for batch in batches]) for name in first}
    if isinstance(first, list | tuple):
        return _rebuilt(first, [concatenate(parts) for parts in zip(*batches, strict=True)])
    return first


def n_samples(inputs: Any) -> int:
    """Samples in a batch that `one_row_a_sample` made.

    Raises:
        DataError: nothing in it has one row a sample.
    """
    counted = _rows(inputs)
    if counted is None:
        raise DataError(f"expected a batch with at least one tensor of inputs, got {type(inputs).__name__}")
    return counted


def _rows(inputs: Any) -> int | None:
    if isinstance(inputs, torch.Tensor | Column):
        return len(inputs)
    parts = inputs.values() if isinstance(inputs, Mapping) else inputs if isinstance(inputs, list | tuple) else ()
    return next((rows for rows in map(_rows, parts) if rows is not None), None)
