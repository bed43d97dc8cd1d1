"""Labels as radin holds them, one class a sample, and what to do about labels of another kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from radin.errors import DataError

#: The label that PyTorch's losses leave out by default.
IGNORED = -100


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


def label_array(labels: Any, what: str, first: int = 0) -> Int64[np.ndarray, " b"]:
    """Labels as radin holds them.

    Arguments:
        labels: a tensor, an array, or a list of integers.
        what: how error messages call the data.
        first: number of the first of these samples among all, for messages.

    Raises:
        DataError: they are not one class for each sample; says what they seem to be, and the remedy.
    """
    array = _plain(labels, what)
    wanted = f"{what}: expected one integer label per sample, got"
    if array.dtype.kind in "OSUV":
        example = repr(array.reshape(-1)[:1].tolist())[1:-1][:40] or "nothing"
        raise DataError(
            f"{wanted} {example} as the label of sample {first}; number the classes in the order of the head's outputs"
        )
    if array.ndim != 1:
        raise DataError(f"{wanted} {_kind(labels, array)} of shape {list(array.shape)}; {_remedy_of_shape(array)}")
    if array.dtype.kind not in "iu":
        raise DataError(f"{wanted} {_kind(labels, array)} of shape {list(array.shape)}; {_remedy_of_type(array)}")
    bad = array < 0 if array.dtype.kind == "i" else np.zeros(len(array), dtype=bool)
    if bad.any():
        row = int(bad.argmax())
        reason = (
            "PyTorch's losses ignore it, but radin scores every sample: leave out the samples without a label"
            if array[row] == IGNORED
            else "classes are numbered from 0 on; leave out the samples without a label"
        )
        raise DataError(f"{wanted} {array[row]} as the label of sample {first + row}: {reason}")
    return array.astype(np.int64)


def _plain(labels: Any, what: str) -> np.ndarray:
    """Labels as an array, whatever holds them."""
    if isinstance(labels, torch.Tensor):
        held = labels.detach().cpu()
        if held.layout != torch.strided or held.is_nested:
            raise DataError(f"{what}: the labels are no dense tensor; give one integer for each sample")
        return np.asarray(held.float() if held.dtype == torch.bfloat16 else held)
    if isinstance(labels, list | tuple):
        labels = [one.item() if isinstance(one, torch.Tensor) and one.numel() == 1 else one for one in labels]
    try:
        return np.asarray(labels)
    except (ValueError, TypeError, RuntimeError) as error:  # lists of several lengths
        raise DataError(
            f"{what}: expected one integer label per sample, got labels of several lengths or kinds; radin scores one "
            "label a sample"
        ) from error


def _kind(labels: Any, array: np.ndarray) -> str:
    dtype = str(labels.dtype).removeprefix("torch.") if isinstance(labels, torch.Tensor) else str(array.dtype)
    return f"{dtype} labels"


def _remedy_of_shape(array: np.ndarray) -> str:
    if array.ndim == 0:
        return "each batch has a list of labels; let the DataLoader make batches (batch_size=...)"
    if array.ndim == 2 and array.shape[1] == 1:
        return "take the one column: labels[:, 0]"
    if array.ndim == 2 and array.dtype.kind in "biuf" and np.isin(array, (0, 1)).all():
        if (array.sum(axis=1) == 1).all():
            return "these are one-hot labels, which become integers by labels.argmax(1)"
        return "these are several labels a sample (multi-hot); radin scores one label a sample"
    if array.ndim == 2 and array.dtype.kind == "f":
        return "these may be probabilities of classes; radin scores one label a sample: labels.argmax(1)"
    return "these may be labels of positions, tokens or pixels, say; radin scores one label a sample"


def _remedy_of_type(array: np.ndarray) -> str:
    if array.dtype.kind == "b":
        return "they become integers by labels.long()"
    if array.dtype.kind == "f" and np.isfinite(array).all() and (array == np.round(array)).all():
        return "whole numbers become integers by labels.long()"
    return "these may be values to predict; radin scores classes"
