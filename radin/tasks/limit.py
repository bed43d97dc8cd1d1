"""A part of the data, drawn once and the same for every model."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch.utils.data import DataLoader, Dataset, Subset

from radin.common.files import fingerprint_of
from radin.errors import InputError
from radin.tasks.batches import Fingerprinted, cut, one_row_a_sample
from radin.tasks.groups import group_numbers
from radin.tasks.labelled import Images
from radin.tasks.labels import is_pair, raw_labels
from radin.tasks.split import sample_rows

#: Draws the samples; a seed of its own, so that nothing else changes them.
SEED = 0


class Part(Dataset[Any]):
    """Some samples of a dataset that knows its labels and contents.

    Arguments:
        dataset: with `labels` and `fingerprint()`.
        rows: places of the samples in it.
    """

    def __init__(self, dataset: Any, rows: Int64[np.ndarray, " m"]) -> None:
        self.dataset, self.rows = dataset, rows
        self.labels = np.asarray(dataset.labels, dtype=np.int64)[rows]

    def fingerprint(self) -> str:
        """Fingerprint of the dataset and of which samples these are."""
        return fingerprint_of("part-1", self.dataset.fingerprint(), self.rows.tolist())

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> Any:
        return self.dataset[int(self.rows[index])]


def limited(data: Any, n: int, what: str) -> Any:
    """At most `n` samples of some data, each class in proportion where the labels are known without reading the data.

    Arguments:
        data: of any form that a task takes but a DataLoader, whose batches are its own affair.
        n: how many.
        what: how error messages call the data.

    Raises:
        InputError: a DataLoader.
        DataError: labels that are no numbers.
    """
    _refuse_loader(data, n, what)
    if isinstance(data, Images):
        return data.sample(n, SEED)
    if is_pair(data):
        labels = raw_labels(data[1], what)
        of_classes = labels.ndim == 1 and labels.dtype.kind in "iu"
        strata = labels.astype(np.int64) if of_classes else np.zeros(len(labels), dtype=np.int64)
    elif isinstance(data, Fingerprinted):
        strata = np.asarray(data.labels, dtype=np.int64)
    elif hasattr(data, "__len__"):
        strata = np.zeros(len(data), dtype=np.int64)
    else:
        return data  # of no form that is known, which is said elsewhere
    return _part(data, sample_rows(strata, n, SEED), what)


def limited_groups(data: Any, groups: Any, n: int, what: str) -> tuple[Any, Any]:
    """At most `n` samples of some data, whole groups drawn at random as long as they fit, and the ids of their groups.

    Arguments:
        data, n, what: as for `limited`.
        groups: for each sample the id of its group.

    Raises:
        InputError: a DataLoader, or fewer than two groups fit.
        DataError: another number of ids than samples, or one group alone.
    """
    _refuse_loader(data, n, what)
    if not hasattr(data, "__len__"):
        return data, groups  # of no form that is known, which is said elsewhere
    samples = len(raw_labels(data[1], what)) if is_pair(data) else len(data)
    numbers = group_numbers(groups, samples, what)
    sizes = np.ones(samples, dtype=np.int64) if numbers is None else np.bincount(numbers)
    taken, left = list[int](), n
    for one in np.random.default_rng(SEED).permutation(len(sizes)).tolist():
        if sizes[one] <= left:
            taken.append(one)
            left -= int(sizes[one])
    if len(taken) < min(2, len(sizes)):
        raise InputError(
            f"{what}: a limit of {n} samples takes {len(taken)} of {len(sizes)} groups, which are taken whole; a "
            "larger one takes two or more"
        )
    rows = np.flatnonzero(np.isin(np.arange(samples) if numbers is None else numbers, taken))
    ids = np.asarray(groups.detach().cpu() if isinstance(groups, torch.Tensor) else groups)
    return _part(data, rows, what), ids[rows]


def _refuse_loader(data: Any, n: int, what: str) -> None:
    if isinstance(data, DataLoader):
        raise InputError(f"{what}: a limit of {n} samples cannot be set on a DataLoader; pass its dataset, or a part")


def _part(data: Any, rows: Int64[np.ndarray, " m"], what: str) -> Any:
    """Some samples of data, given by their places."""
    if isinstance(data, Images):
        return data.take(rows)
    if is_pair(data):
        labels = raw_labels(data[1], what)
        return cut(one_row_a_sample(data[0], len(labels), what), torch.from_numpy(rows)), labels[rows]
    return Part(data, rows) if isinstance(data, Fingerprinted) else Subset(data, rows.tolist())
