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
    if isinstance(data, DataLoader):
        raise InputError(f"{what}: a limit of {n} samples cannot be set on a DataLoader; pass its dataset, or a part")
    if isinstance(data, Images):
        return data.sample(n, SEED)
    if is_pair(data):
        labels = raw_labels(data[1], what)
        of_classes = labels.ndim == 1 and labels.dtype.kind in "iu"
        rows = sample_rows(labels.astype(np.int64) if of_classes else np.zeros(len(labels), dtype=np.int64), n, SEED)
        return cut(one_row_a_sample(data[0], len(labels), what), torch.from_numpy(rows)), labels[rows]
    if isinstance(data, Fingerprinted):
        return Part(data, sample_rows(np.asarray(data.labels, dtype=np.int64), n, SEED))
    if not hasattr(data, "__len__"):
        return data  # of no form that is known, which is said elsewhere
    return Subset(data, sample_rows(np.zeros(len(data), dtype=np.int64), n, SEED).tolist())
