"""Outputs as people store them: dtypes, byte orders, shapes, choices that are absent, and probabilities."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from radin.common.mapped import MappedArray
from radin.errors import DataError
from radin.scoring.kinds import CLASSES, Choices, Kind, OneLogit, Positions, SeveralLabels, Tags, Values
from radin.scoring.kinds.choices import ABSENT, filled_up

#: Samples read at a time where a whole `[M, C]` array is checked or copied; chosen by hand.
BLOCK = 8192

#: How far a row of probabilities may be from a sum of 1: float16 rounds each of them.
ROUNDING = 0.01

#: Rows from which on it is no accident that all are in [0, 1] and sum to 1; chosen by hand.
TELLING = 8

#: What `LogitBank.from_arrays` does with probabilities, see there.
OnProbabilities = Literal["refuse", "log", "average"]


def check_finite(kind: Kind, outputs: np.ndarray, name: str, first: int = 0) -> None:
    """Refuses outputs that are not finite, naming the ingredient; the rows are read in blocks.

    Arguments:
        kind: of the outputs.
        outputs: of the samples, as the kind keeps them.
        name: the ingredient's.
        first: number of the first of these samples.

    Raises:
        NonFiniteError: names the ingredient and the first such sample.
    """
    for start in range(0, len(outputs), BLOCK):
        kind.check_outputs(native(outputs[start : start + BLOCK]), name, first + start)


def check_shapes(kind: Kind, kept: np.ndarray, arrays: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """Refuses outputs of another shape than the labels and the first ingredient's.

    Arguments:
        kind: of the outputs.
        kept: labels, as the kind keeps them.
        arrays: outputs of each ingredient.
        names: of the ingredients.

    Raises:
        DataError: names the ingredient; or labels that are out of range.
    """
    inner = kept.shape[1:] if isinstance(kind, Values | SeveralLabels) else (*kept.shape[1:], arrays[0].shape[-1])
    if isinstance(kind, Tags):
        if arrays[0].ndim != 2 or arrays[0].shape[1] % kind.width:
            raise DataError(
                f"{names[0]}: expected logits of {kind.width} positions a sample, as there are labels, got shape "
                f"{list(arrays[0].shape)}"
            )
        inner = arrays[0].shape[1:]
    wanted = [len(kept), *inner]
    if kind is CLASSES and (arrays[0].ndim == 1 or (arrays[0].shape[1:] == (1,) and kept.any())):
        raise _one_number(kept, arrays[0], names[0])
    for array, name in zip(arrays, names, strict=True):
        if list(array.shape) != wanted:
            if kind is CLASSES:
                raise DataError(
                    f"{name}: expected logits of shape {wanted} (samples, classes), got {list(array.shape)}"
                )
            raise DataError(
                f"{name}: expected outputs of shape {wanted}, as the labels are {kind.labels} ({kind.name}), got "
                f"{list(array.shape)}; name another kind by outputs="
            )
    kind.check_labels(kept, wanted[1:], names[0])


def _one_number(kept: np.ndarray, outputs: np.ndarray, name: str) -> DataError:
    """The error of one number a sample, where a logit for each class is expected."""
    said = f"{name}: expected logits [samples, classes], got {list(outputs.shape)}, one number a sample"
    if np.isin(kept, (0, 1)).all():
        return DataError(f"{said}; it may be the logit of class 1.").mended_by(outputs=OneLogit.name)
    return DataError(f"{said}. One number can tell the classes 0 and 1 apart, and there is a label {kept.max()}")


def as_kept(
    kind: Kind, raw: np.ndarray, arrays: list[np.ndarray], names: Sequence[str], probabilities: OnProbabilities
) -> tuple[Kind, np.ndarray, list[np.ndarray]]:
    """Kind, labels and outputs as a bank keeps them.

    Arguments:
        kind: that the labels are of.
        raw: labels as they were given.
        arrays: outputs of each ingredient as they were given.
        names: the ingredients' names.
        probabilities: what to do with probabilities.
    """
    kept = kind.keep(raw, "labels", np.arange(len(raw)))
    if isinstance(kind, Values):
        arrays = [one.reshape(-1, 1) if one.ndim == 1 else one for one in arrays]
    elif isinstance(kind, OneLogit):
        arrays = two_logit_arrays(arrays, names, probabilities)
    elif isinstance(kind, Choices):
        arrays = with_absent(arrays)
    elif isinstance(kind, Positions):
        kept, kind = raw.astype(np.int64), replace(kind, width=raw[0].size)
        if isinstance(kind, Tags):
            kept = kept.reshape(len(kept), -1)
            arrays = [np.asarray(one).reshape(len(one), -1) for one in arrays]
    return kind, kept, arrays


def two_logit_arrays(
    arrays: Sequence[np.ndarray], names: Sequence[str], probabilities: OnProbabilities
) -> list[np.ndarray]:
    """Logits of two classes, 0 and that of class 1, where files hold the second alone, `[m]` or `[m, 1]`.

    Arguments:
        arrays: outputs of each ingredient; those of another shape stay as they are.
        names: of the ingredients.
        probabilities: what to do with an ingredient whose outputs are all in [0, 1].

    Raises:
        DataError: such an ingredient, where they are to be refused.
    """
    return [
        _two_logits(native(one).reshape(-1), name, probabilities) if one.ndim == 1 or one.shape[1:] == (1,) else one
        for one, name in zip(arrays, names, strict=True)
    ]


def _two_logits(column: np.ndarray, name: str, probabilities: OnProbabilities) -> np.ndarray:
    column = column.astype(np.result_type(column.dtype, np.float32), copy=False)
    if len(column) >= TELLING and column.min() >= 0 and column.max() <= 1:
        if probabilities == "refuse":
            raise DataError(
                f"{name}: expected logits of class 1, got what look like its probabilities (all are in [0, 1]); give "
                "the logits, log(p / (1 - p))."
            ).mended_by(probabilities="log")
        column = logarithms(column) - logarithms(1 - column)
    return np.stack([np.zeros_like(column), column], axis=1)


def with_absent(arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Scores of choices with a finite number in the place of those that are absent."""
    if any(one.ndim != 2 for one in arrays):
        return list(arrays)
    width = max(one.shape[1] for one in arrays)
    read = [native(one) for one in arrays]
    if all(one.shape[1] == width and not np.isneginf(one).any() for one in read):
        return list(arrays)
    wide = (np.where(np.isneginf(one), np.float32(ABSENT), one.astype(np.float32, copy=False)) for one in read)
    return [filled_up(one, width) for one in wide]


def are_probabilities(logits: np.ndarray) -> bool:
    """Whether all rows of two classes or more are in [0, 1] and sum to 1."""
    if logits.shape[1] < 2:
        return False
    for start in range(0, len(logits), BLOCK):
        block = native(logits[start : start + BLOCK])
        if block.min() < 0 or block.max() > 1:
            return False
        if np.abs(block.sum(axis=1, dtype=np.float64) - 1).max() > ROUNDING:
            return False
    return True


def check_count(labels: np.ndarray, logits: Sequence[np.ndarray], name: str) -> None:
    """Refuses labels where all logits are of one other number of samples.

    Arguments:
        labels: of the samples.
        logits: of each ingredient.
        name: how the message calls the labels.

    Raises:
        DataError: says both numbers.
    """
    counts = {len(array) if array.ndim else None for array in logits}
    n_rows = counts.pop()
    if not counts and n_rows is not None and labels.ndim and len(labels) != n_rows:
        raise DataError(f"{name}: expected {n_rows} labels, one for each sample of the logits, got {len(labels)}")


def numbers(labels: np.ndarray) -> np.ndarray:
    """Labels that are numbers, one or several for each sample.

    Raises:
        DataError: they are something else.
    """
    if not labels.ndim or labels.dtype.kind not in "biuf":
        raise DataError(
            f"expected labels as integers of shape [samples], got {labels.dtype} of shape {list(labels.shape)}"
        )
    return labels


def as_float_array(one: Any, name: str) -> np.ndarray:
    """Outputs as an array of a floating dtype, bfloat16 as uint16; nothing is copied where it need not be.

    Raises:
        DataError: another dtype, of the ingredient of this name.
    """
    if str(getattr(one, "dtype", "")) == "torch.bfloat16":
        import torch

        return np.asarray(one.detach().cpu().view(torch.uint16).numpy())
    array = one if isinstance(one, MappedArray) else np.asarray(one.detach().cpu() if hasattr(one, "detach") else one)
    if array.dtype.newbyteorder("=") not in (np.float16, np.float32, np.float64):
        raise DataError(f"{name}: expected logits of a floating dtype, got {array.dtype}")
    return array


def logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, in float32 at least."""
    values = native(probabilities)
    least = np.finfo(np.float32 if probabilities.dtype == np.uint16 else values.dtype).smallest_normal
    wide = np.result_type(values.dtype, np.float32)
    return np.log(np.maximum(values, least).astype(wide))


def chances(outputs: np.ndarray) -> np.ndarray:
    """Probabilities as they are, and of logits the softmax, in float32 at least."""
    values = native(outputs)
    values = values.astype(np.result_type(values.dtype, np.float32), copy=False)
    if are_probabilities(outputs):
        return values
    powers = np.exp(values - values.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def native(stored: np.ndarray) -> np.ndarray:
    """The values in this machine's byte order; bfloat16 (stored as uint16) as float32."""
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(stored, dtype=stored.dtype.newbyteorder("="))
