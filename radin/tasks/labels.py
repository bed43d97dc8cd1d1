"""Labels as a user gives them, as arrays of numbers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Shaped

from radin.errors import DataError


def is_pair(data: Any) -> bool:
    """Whether data are a pair `(inputs, labels)`, rather than a list of two samples.

    Labels in a plain list are recognised, too, so that `refuse_listed_labels` can say what to do about them.
    """
    if not isinstance(data, tuple | list) or len(data) != 2:
        return False
    inputs, labels = data
    if isinstance(labels, np.ndarray | torch.Tensor) or _is_series(labels):
        return True
    if not isinstance(labels, list | tuple) or not all(_is_scalar(one) for one in labels):
        return False
    return _holds_arrays(inputs) or (isinstance(inputs, list) and isinstance(labels, list) and isinstance(data, tuple))


def refuse_listed_labels(data: Any, what: str) -> None:
    """Refuses a pair whose labels are a plain list: one tensor or array says its type once, for all samples.

    Raises:
        DataError: names the first label and the remedy.
    """
    if is_pair(data) and isinstance(data[1], list | tuple):
        first = f"{data[1][0]!r} is that of sample 0" if len(data[1]) else "it is empty"
        raise DataError(
            f"{what}: expected the labels beside the inputs as one tensor or array, got a list of {len(data[1])} "
            f"({first}); make it one: torch.tensor(labels)"
        )


def _is_series(labels: Any) -> bool:
    """Whether these are labels of pandas, or of another library that numpy understands."""
    return hasattr(labels, "__array__") and hasattr(labels, "__len__") and not isinstance(labels, torch.Tensor)


def _is_scalar(one: Any) -> bool:
    if isinstance(one, torch.Tensor | np.ndarray):
        return one.ndim == 0
    return isinstance(one, int | float | np.generic | str | type(None))


def _holds_arrays(inputs: Any) -> bool:
    if isinstance(inputs, dict):
        return any(map(_holds_arrays, inputs.values()))
    if isinstance(inputs, list | tuple):
        return any(map(_holds_arrays, inputs))
    return isinstance(inputs, torch.Tensor | np.ndarray) and inputs.ndim > 0


def raw_labels(labels: Any, what: str, first: int = 0) -> Shaped[np.ndarray, ...]:
    """Labels as an array of numbers, whatever holds them; of which kind they are is decided elsewhere.

    Arguments:
        labels: a tensor, an array, or a list of numbers or arrays.
        what: how error messages call the data.
        first: number of the first of these samples among all, for messages.

    Raises:
        DataError: they are no numbers, or of several lengths; says what they seem to be, and the remedy.
    """
    array = _plain(labels, what)
    if array.dtype == object and array.ndim == 1:  # as a table's column of mixed types keeps its numbers
        array = np.asarray(array.tolist()) if all(isinstance(one, int | float | np.number) for one in array) else array
    if array.dtype.kind in "OSUV" or array.dtype.kind not in "biuf":
        example = repr(array.reshape(-1)[:1].tolist())[1:-1][:40] or "nothing"
        raise DataError(
            f"{what}: expected one integer label per sample, got {example} as the label of sample {first}; number the "
            "classes in the order of the head's outputs"
        )
    return array


def _plain(labels: Any, what: str) -> np.ndarray:
    """Labels as an array, whatever holds them."""
    if isinstance(labels, torch.Tensor):
        held = labels.detach().cpu()
        if held.layout != torch.strided or held.is_nested:
            raise DataError(f"{what}: the labels are no dense tensor; give one integer for each sample")
        return np.asarray(held.float() if held.dtype == torch.bfloat16 else held)
    if isinstance(labels, list | tuple):
        labels = [one.detach().cpu().numpy() if isinstance(one, torch.Tensor) else one for one in labels]
        labels = [one.item() if isinstance(one, np.ndarray) and one.size == 1 else one for one in labels]
    try:
        return np.asarray(labels)
    except (ValueError, TypeError, RuntimeError) as error:  # lists of several lengths
        raise DataError(
            f"{what}: expected labels of one length, got labels of several lengths or kinds; pad them with the label "
            "that is ignored, -100, in a collate_fn"
        ) from error
