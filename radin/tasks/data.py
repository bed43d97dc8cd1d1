"""Labelled data as radin reads it: the same rows in the same order on every pass."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from functools import cached_property
from operator import itemgetter
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64
from torch.utils.data import DataLoader, Dataset, IterableDataset, RandomSampler, SequentialSampler

from radin.common.files import digest_of
from radin.common.progress import Progress
from radin.errors import DataError
from radin.tasks.batches import Fingerprinted, is_pair, label_array, map_tensors, n_samples
from radin.tasks.classes import absent_classes, check_class_order
from radin.tasks.labelled import Columns, Images
from radin.tasks.limit import limited

#: Samples whose inputs are compared on every pass. Random augmentation changes each one; a digest of a whole batch of
#: images would cost a few per cent of a forward pass on a GPU.
SAMPLES_COMPARED = 4


class Rows:
    """Labelled samples in a fixed order.

    Arguments:
        data: a map-style dataset of `(input, label)`; a pair `(inputs, labels)` of tensors (`inputs` may be a dict or
            tuple of tensors with the same first dimension); or a `DataLoader` that repeats itself.
        batch_size: samples loaded together from a dataset; a DataLoader keeps its own.
        workers: processes that load a dataset; 0 loads in this one.
        what: how error messages call this data.
        limit: use at most so many samples, see `radin.tasks.limit`.

    Raises:
        DataError: no data, a loader that shuffles, data that change from one pass to the next.
    """

    def __init__(
        self, data: Any, *, batch_size: int, workers: int = 0, what: str = "data", limit: int | None = None
    ) -> None:
        self.what = what
        self._given = data
        data = data if limit is None else limited(data, limit, what)
        self._source = data
        self._batches = _batch_reader(data, batch_size, workers, what)
        self._first_samples: str | None = None

    @cached_property
    def _survey(self) -> tuple[Int64[np.ndarray, " M"], str]:
        """Labels and fingerprint; reads through the data once unless they say both themselves."""
        dataset = self.dataset
        if isinstance(dataset, Fingerprinted):
            return np.asarray(dataset.labels, dtype=np.int64), dataset.fingerprint()
        digest = _Digest()
        labels = []
        for inputs, batch_labels in self._batches():
            digest.feed(inputs)
            labels.append(label_array(batch_labels, self.what))
        if not labels or not sum(map(len, labels)):
            raise DataError(f"{self.what}: expected at least one labelled sample, got none")
        joined = np.concatenate(labels)
        digest.feed(torch.from_numpy(joined), "labels")
        return joined, digest.value()

    @property
    def dataset(self) -> Any:
        """What the samples come from, without the loader around it, if there is one."""
        return _dataset_of(self._source)

    def survey(self, memory: MutableMapping[str, str], progress: Progress) -> None:
        """Reads the contents of images that lie in files, before the first pass, and decides which are left out.

        Arguments:
            memory: what is known of their contents already, and gets what is not.
            progress: watches.
        """
        if isinstance(self.dataset, Images):
            self.dataset.survey(memory, progress)

    @property
    def columns(self) -> Columns | None:
        """For each class the columns of the logits that stand for it; None where class `i` is column `i`."""
        return getattr(_dataset_of(self._given), "columns", None)

    @property
    def class_names(self) -> list[tuple[str, ...]]:
        """What the classes are called, in label order, by whoever says so: folders, and people."""
        named = [getattr(_dataset_of(self._given), kind, None) for kind in ("classes", "titles")]
        return [tuple(map(str, names)) for names in named if isinstance(names, list | tuple)]

    @property
    def remarks(self) -> tuple[str, ...]:
        """What a reader of the results should know of these data."""
        own = self.dataset.remarks if isinstance(self.dataset, Images) else ()
        return own + absent_classes(self.class_names, self.labels)

    @property
    def labels(self) -> Int64[np.ndarray, " M"]:
        """The class of every sample."""
        return self._survey[0]

    @property
    def fingerprint(self) -> str:
        """A digest of the contents of all inputs and labels."""
        return self._survey[1]

    def __len__(self) -> int:
        return len(self.labels)

    def batches(self) -> Iterator[Any]:
        """The inputs, batch by batch; labels and the first samples are compared with those of the pass before."""
        done = 0
        for inputs, batch_labels in self._batches():
            labels = label_array(batch_labels, self.what)
            if not np.array_equal(labels, self.labels[done : done + len(labels)]):
                raise DataError(
                    f"{self.what}: the labels came in another order than on the first pass, from sample {done} on; "
                    "radin pairs logits with labels by position, so pass a loader that does not shuffle"
                )
            if done == 0:
                self._compare_first_samples(inputs)
            done += len(labels)
            yield inputs
        if done != len(self):
            raise DataError(f"{self.what}: this pass gave {done} samples, the first one {len(self)}")

    def _compare_first_samples(self, inputs: Any) -> None:
        digest = _Digest()
        digest.feed(map_tensors(itemgetter(slice(SAMPLES_COMPARED)), inputs))
        seen, self._first_samples = self._first_samples, digest.value()
        if seen not in (None, self._first_samples):
            raise DataError(
                f"{self.what}: the first samples differ from those of the pass before; "
                "switch off random augmentation, so that every model sees the same samples"
            )


def check_classes(stated: Sequence[str] | None, data: Rows, tests: Mapping[str, Rows]) -> None:
    """Refuses data that have the classes in another order than the checkpoints, or than the data that select.

    Arguments:
        stated: the classes in the order of the outputs, as the checkpoints' files say; None if they do not.
        data: what selects.
        tests: what reports.

    Raises:
        DataError: a class has two places; says which.
    """
    check_class_order(stated, data.class_names)
    for rows in tests.values():
        if rows.columns is None:  # those with columns say for each class where it stands
            check_class_order(stated, rows.class_names, what=rows.what)
            for names in data.class_names:
                check_class_order(names, rows.class_names, whose="the data that select", what=rows.what)


def _dataset_of(data: Any) -> Any:
    return data.dataset if isinstance(data, DataLoader) else data


def _batch_reader(data: Any, batch_size: int, workers: int, what: str) -> Callable[[], Iterator[tuple[Any, Any]]]:
    if isinstance(data, DataLoader):
        if isinstance(data.sampler, RandomSampler):
            raise DataError(f"{what}: this DataLoader shuffles; make it with shuffle=False, or pass its dataset")
        return lambda: _pairs(data, what)
    if is_pair(data):
        inputs = torch.as_tensor(data[0]) if isinstance(data[0], np.ndarray) else data[0]
        return lambda: _tensor_batches(inputs, data[1], batch_size, what)
    if isinstance(data, IterableDataset | str) or not (hasattr(data, "__getitem__") and hasattr(data, "__len__")):
        raise DataError(
            f"{what}: expected a map-style dataset of (input, label), a pair (inputs, labels) of tensors, or a "
            f"DataLoader that does not shuffle; got {type(data).__name__}"
        )
    if not isinstance(data, Images) and len(data) == 0:  # images are counted when it is known which can be read
        raise DataError(f"{what}: expected at least one labelled sample, got an empty dataset")
    dataset: Dataset[Any] = data
    pinned = torch.cuda.is_available()

    def batches() -> Iterator[tuple[Any, Any]]:
        # Made anew for each pass: only then is it known how many images can be read.
        order = SequentialSampler(data)
        return _pairs(DataLoader(dataset, batch_size, sampler=order, num_workers=workers, pin_memory=pinned), what)

    return batches


def _pairs(loader: DataLoader[Any], what: str) -> Iterator[tuple[Any, Any]]:
    batches = iter(loader)
    while (batch := _next_batch(batches)) is not None:
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise DataError(f"{what}: expected batches of (inputs, labels), got {type(batch).__name__}")
        yield batch[0], batch[1]


def _next_batch(batches: Iterator[Any]) -> Any:
    try:
        return next(batches, None)
    except DataError as error:
        # A worker process sends its error as the text of a traceback, at the end of which stands what it said.
        _, traceback, said = str(error).rpartition(f"{DataError.__qualname__}: ")
        raise DataError(said.strip()) if traceback else error from None


def _tensor_batches(inputs: Any, labels: Any, size: int, what: str) -> Iterator[tuple[Any, Any]]:
    if n_samples(inputs) != len(labels):
        raise DataError(f"{what}: {n_samples(inputs)} inputs but {len(labels)} labels; there must be one label each")
    for start in range(0, len(labels), size):
        stop = start + size
        yield map_tensors(itemgetter(slice(start, stop)), inputs), labels[start:stop]


class _Digest:
    """A digest of inputs that come in batches, whatever the size of these: each tensor in the structure has its own."""

    def __init__(self) -> None:
        self._parts: dict[str, Any] = {}
        self._kinds: dict[str, str] = {}

    def feed(self, inputs: Any, place: str = "inputs") -> None:
        """Takes one more batch: tensors by dtype, shape and bytes, the rest by `repr`.

        Arguments:
            inputs: a tensor, a dict, list or tuple of them, or something else.
            place: where in the structure they stand.
        """
        if isinstance(inputs, Mapping):
            for name, value in inputs.items():
                self.feed(value, f"{place}[{name!r}]")
        elif isinstance(inputs, list | tuple):
            for i, value in enumerate(inputs):
                self.feed(value, f"{place}[{i}]")
        elif isinstance(inputs, torch.Tensor):
            tensor = inputs.detach().cpu().contiguous()
            part, kind = self._part(place), repr((tensor.dtype, tuple(tensor.shape[1:])))
            if self._kinds.get(place) != kind:
                part.update(kind.encode())
            self._kinds[place] = kind
            part.update(tensor.reshape(-1).view(torch.uint8).numpy().data)
        else:
            self._part(place).update(repr(inputs).encode())

    def _part(self, place: str) -> Any:
        return self._parts.setdefault(place, hashlib.sha256())

    def value(self) -> str:
        """The digest of all that was taken so far."""
        return digest_of({place: part.hexdigest() for place, part in self._parts.items()})
