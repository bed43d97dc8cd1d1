"""The source of labelled samples: a dataset, a pair of tensors or a DataLoader, read in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch.utils.data import DataLoader, IterableDataset, RandomSampler, SequentialSampler, Subset, default_collate

from radin.common.code_location import place_of_error
from radin.errors import DataError
from radin.tasks.batches import cut, one_row_a_sample
from radin.tasks.labelled import Images
from radin.tasks.labels import is_pair, raw_labels
from radin.tasks.sample_errors import Watched

#: Names that the labels may have in batches that are dicts.
LABELS = ("labels", "label")

#: Inputs and labels of one batch, as the data give them.
Pair = tuple[Any, Any]


class Source:
    """Reads data as a user gave them, in batches of inputs and labels, as often as is needed.

    Arguments:
        data: a map-style dataset of `(input, label)`, a pair `(inputs, labels)` of tensors, or a `DataLoader`.
        what: how error messages call this data.
        batch_size: samples loaded together from a dataset or from tensors; a DataLoader keeps its own.
        loaders: processes that load a dataset; 0 loads in this one.
        pinned: whether batches of a dataset lie in pinned memory, from which they reach a CUDA device faster.
        collate: makes a batch of a list of a dataset's samples; PyTorch's `default_collate` by default.

    Raises:
        DataError: no samples, something else than these three, a loader that shuffles.
    """

    def __init__(
        self,
        data: Any,
        what: str,
        *,
        batch_size: int,
        loaders: int = 0,
        pinned: bool = False,
        collate: Callable[[list[Any]], Any] | None = None,
    ) -> None:
        _check(data, what)
        self._data, self._what, self._collates = data, what, collate is not None
        self._loading: dict[str, Any] = {"batch_size": batch_size, "num_workers": loaders, "pin_memory": pinned}
        self._loading |= {} if collate is None else {"collate_fn": collate}

    @property
    def dataset(self) -> Any:
        """The data without the loader around them, if there is one."""
        return dataset_of(self._data)

    def batches(self) -> Iterator[Pair]:
        """All samples, in their order."""
        if is_pair(self._data):
            return self._tensor_batches(None)
        if isinstance(self._data, DataLoader):
            return _pairs(self._data, self._what)
        # Made anew for each pass: only then is it known how many images can be read.
        return _pairs(_loader(self._data, self._loading), self._what)

    def some(self, rows: Int64[np.ndarray, " s"]) -> Iterator[Pair] | None:
        """Some samples alone, in batches; None where a loader makes these in a way of its own.

        Arguments:
            rows: places of the samples.
        """
        if is_pair(self._data):
            return self._tensor_batches(rows)
        if self._collates:
            return None
        loader = _loader_of_some(self._data, rows.tolist(), self._loading)
        return None if loader is None else _pairs(loader, self._what)

    def _tensor_batches(self, rows: Int64[np.ndarray, " s"] | None) -> Iterator[Pair]:
        inputs, labels = self._data
        array = raw_labels(labels, self._what)
        whole, size = one_row_a_sample(inputs, len(array), self._what), self._loading["batch_size"]
        for start in range(0, len(array) if rows is None else len(rows), size):
            if rows is None:
                yield cut(whole, slice(start, start + size)), array[start : start + size]
            else:
                chosen = rows[start : start + size]
                yield cut(whole, torch.from_numpy(chosen)), array[chosen]


def dataset_of(data: Any) -> Any:
    """The dataset of a DataLoader; data of other forms as they are."""
    return data.dataset if isinstance(data, DataLoader) else data


def labels_apart(batch: Mapping[str, Any], what: str) -> tuple[dict[str, Any], Any]:
    """Inputs and labels of a batch that is a dict, as those of Hugging Face are.

    Raises:
        DataError: it has no labels.
    """
    name = next((name for name in LABELS if name in batch), None)
    if name is None:
        raise DataError(
            f"{what}: expected batches of (inputs, labels), or dicts with {' or '.join(map(repr, LABELS))}, got a dict "
            f"with {', '.join(map(repr, batch))}. Rename what holds the labels, or give pairs: ({{name: tensor, ...}}, "
            "label)"
        )
    return {key: value for key, value in batch.items() if key != name}, batch[name]


def _check(data: Any, what: str) -> None:
    """Refuses data of a form that cannot be read twice in one order, and empty data."""
    if isinstance(data, DataLoader):
        if isinstance(data.sampler, RandomSampler):
            raise DataError(f"{what}: this DataLoader shuffles; make it with shuffle=False, or pass its dataset")
        return
    if is_pair(data):
        return
    if isinstance(data, tuple) and data and all(isinstance(one, torch.Tensor | np.ndarray) for one in data):
        raise DataError(
            f"{what}: expected a pair (inputs, labels), got a tuple of {len(data)}; several inputs are a tuple of "
            "their own: ((a, b), labels)"
        )
    if isinstance(data, IterableDataset | str | Mapping) or not _is_map_style(data):
        raise DataError(
            f"{what}: expected a map-style dataset of (input, label), a pair (inputs, labels) of tensors, or a "
            f"DataLoader that does not shuffle; got {type(data).__name__}{_way_to_read(data)}"
        )
    if not isinstance(data, Images) and _length(data, what) == 0:  # images are counted when it is known what is read
        raise DataError(f"{what}: expected at least one labelled sample, got an empty dataset")


def _way_to_read(data: Any) -> str:
    """The remedy for data that are nearly of a form that can be read."""
    if isinstance(data, IterableDataset):
        return ". An IterableDataset is read through a loader that repeats itself: DataLoader(dataset, batch_size=64)"
    if isinstance(data, Iterator):
        return ", which can be read only once. Make it a list"
    return (
        ", which has no __len__. Give it one" if hasattr(data, "__getitem__") and not hasattr(data, "__len__") else ""
    )


def _is_map_style(data: Any) -> bool:
    return hasattr(data, "__getitem__") and hasattr(data, "__len__")


def _length(data: Any, what: str) -> int:
    try:
        return len(data)
    except (Exception, SystemExit) as error:  # a dataset's own code
        raise DataError(
            f"{what}: the length of the dataset cannot be told: {type(error).__name__}: {error}{place_of_error(error)}"
        ) from error


def _loader(data: Any, loading: Mapping[str, Any]) -> DataLoader[Any]:
    return DataLoader(data, sampler=SequentialSampler(data), **loading)


def _loader_of_some(data: Any, rows: list[int], loading: Mapping[str, Any]) -> DataLoader[Any] | None:
    """A loader of some samples alone; None where batches are made by a loader in a way of its own."""
    if not isinstance(data, DataLoader):
        return _loader(Subset(data, rows), loading)
    plain = isinstance(data.sampler, SequentialSampler) and data.collate_fn is default_collate
    if not plain or data.batch_size is None:
        return None
    return _loader(Subset(data.dataset, rows), {"batch_size": data.batch_size, "num_workers": data.num_workers})


def _pairs(loader: DataLoader[Any], what: str) -> Iterator[Pair]:
    for batch in Watched(loader, what):
        if isinstance(batch, Mapping):
            yield labels_apart(batch, what)
            continue
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            got = type(batch).__name__ + (f" of {len(batch)}" if isinstance(batch, tuple | list) else "")
            raise DataError(
                f"{what}: expected batches of (inputs, labels), got {got}; several inputs are a tuple of their own: "
                "((a, b), label)"
            )
        yield batch[0], batch[1]
