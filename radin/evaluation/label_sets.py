"""Refusal of labels on which the metric has no value, whatever a network says: before the first pass, not after all."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np
from jaxtyping import Float32, Shaped

from radin.errors import DataError, InputError
from radin.scoring.kinds import Kind
from radin.scoring.metrics import FunctionMetric
from radin.tasks.split import split_rows
from radin.tasks.task import Task

#: Shares that are tried where the held-back part lacks labels, and seeds where it is of whole groups.
SHARES, SEEDS = (0.3, 0.4, 0.5), range(20)

#: Numbers of outputs beyond which a function of one's own is not tried: drawing them would take seconds.
MOST = 20_000_000

#: Logits by which right outputs are told from those drawn at random.
SURE = np.float32(8)


def check_label_sets(task: Task) -> None:
    """Refuses labels that leave the metric undefined: of the samples that select, of those held back, of a test set.

    A function of one's own is tried on outputs drawn at random, and on right ones: one that has a value on the labels
    of all data, and none on a part, or on a test set, has none because of these labels.

    Raises:
        DataError: says which samples have no value of the metric, why, and what to do.
    """
    labels, limited = task.rows.labels, "" if task.limit is None else ", or a larger limit"
    if why := _undefined(task, task.kind, labels):
        raise DataError(
            f"{_said(task, 'the samples that select', why)}; give data with other labels, too{limited}, or choose "
            "another metric"
        )
    parts = zip(("the samples that select", "the samples that are held back"), task.split, strict=True)
    for where, part in parts if len(task.split[1]) else ():
        if why := _undefined(task, task.kind, labels[part]):
            raise _split_error(task, _said(task, where, why))
    for rows in task.tests.values():
        if why := _undefined(task, rows.kind, rows.labels):
            raise DataError(
                f"{_said(task, rows.what, why)}; give a test set with other labels, too{limited}, or choose another "
                "metric"
            )


def _said(task: Task, where: str, why: str) -> str:
    return f"metric {task.scored_by.name} has no value on {where}: {why}"


def _split_error(task: Task, said: str) -> DataError:
    """The error about a part of the split, with a share or a seed that would mend it, where one is found."""
    for holdback, seed in _splits(task):
        parts = split_rows(task.rows.strata, holdback, seed, task.rows.groups)
        if not any(_undefined(task, task.kind, task.rows.labels[part]) for part in parts):
            if seed == task.split_seed:
                error = DataError(f"{said}; hold back a larger share, or give a test set.")
                error.mended_by(holdback=holdback)
            else:
                error = DataError(f"{said}; hold back other groups, or give a test set.")
                error.mended_by(split_seed=seed)
            return error
    return DataError(f"{said}; give a test set with other labels, too, hold nothing back, or choose another metric")


def _splits(task: Task) -> Iterator[tuple[float, int]]:
    """Splits that may have more labels in the held-back part: other groups first, then larger shares."""
    if task.rows.groups is not None:
        yield from ((task.holdback, seed) for seed in SEEDS if seed != task.split_seed)
    yield from ((share, task.split_seed) for share in SHARES if share > task.holdback)


def _undefined(task: Task, kind: Kind, labels: Shaped[np.ndarray, "m ..."]) -> str:
    """The reason why the metric has no value on samples with these labels; empty where it has one."""
    metric, rows = task.scored_by, _row_labels(kind, labels)
    if isinstance(metric, FunctionMetric):
        return _tried(metric, rows, _row_labels(task.kind, task.rows.labels))
    return metric.undefined_on(rows)


def _row_labels(kind: Kind, labels: Shaped[np.ndarray, "m ..."]) -> Shaped[np.ndarray, "r ..."]:
    """The labels row by row, as a metric is given them."""
    places, scored = kind.rows(labels), kind.scored(labels)
    return scored if places is None else scored.reshape(-1)[places]


def _tried(metric: FunctionMetric, labels: Shaped[np.ndarray, "r ..."], known: Shaped[np.ndarray, "s ..."]) -> str:
    """What a function says of any outputs with some labels, if it has a value with the known ones."""
    if labels.ndim != known.ndim or labels.ndim > 2:
        return ""
    columns = labels.shape[1] if labels.ndim == 2 else 1 + int(max(labels.max(initial=1), known.max(initial=1)))
    if math.prod((max(len(labels), len(known)), columns)) > MOST:
        return ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = fault_of_function(metric, labels, columns)
        return said if said and not fault_of_function(metric, known, columns) else ""


def fault_of_function(metric: FunctionMetric, labels: Shaped[np.ndarray, "r ..."], columns: int) -> str:
    """The words of a function on outputs drawn at random, if it has no value on right ones either; empty if it has.

    Arguments:
        metric: the function.
        labels: of the rows.
        columns: numbers in a row of outputs.
    """
    said = ""
    for outputs in _possible(labels, columns):
        try:
            metric.value(outputs, labels)
        except InputError as error:
            said = said or str(error)
        else:
            return ""
    return said


def _possible(labels: Shaped[np.ndarray, "r ..."], columns: int) -> Iterator[Float32[np.ndarray, "r c"]]:
    """Outputs drawn at random, and such as agree with the labels."""
    drawn = np.random.default_rng(0).standard_normal((len(labels), columns), dtype=np.float32)
    yield drawn
    if labels.ndim == 1:
        yield drawn + SURE * (np.arange(columns) == labels[:, None])
    elif labels.dtype.kind == "f":
        yield drawn / SURE + labels.astype(np.float32)
    else:
        yield drawn + SURE * np.where(labels == 1, np.float32(1), np.float32(-1))
