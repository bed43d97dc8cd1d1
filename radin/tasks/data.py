"""Labelled data as radin reads it: the same rows in the same order on every pass."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from jaxtyping import Int64

from radin.common.progress import Progress
from radin.errors import DataError
from radin.scoring.kinds import Asked, Kind
from radin.tasks.batches import Fingerprinted, concatenate, cut, one_row_a_sample
from radin.tasks.classes import absent_classes, check_class_order
from radin.tasks.content_fingerprint import ContentFingerprint
from radin.tasks.groups import group_numbers
from radin.tasks.labelled import Columns, Images
from radin.tasks.labels import raw_labels, refuse_listed_labels
from radin.tasks.limit import limited, limited_groups
from radin.tasks.source import LABELS, Source, dataset_of, labels_apart

#: Samples whose inputs are compared on every pass. Random augmentation changes each one; the fingerprint of a whole
#: batch of images would cost a few per cent of a forward pass on a GPU.
SAMPLES_COMPARED = 4


@dataclass(frozen=True)
class Batch:
    """Some samples as a network gets them.

    Attributes:
        inputs: with one row for each sample.
        labels: as the data give them, `[b, ...]`.
        places: of the samples in their data.
    """

    inputs: Any
    labels: np.ndarray
    places: Int64[np.ndarray, " b"]


class Rows:
    """Labelled samples in a fixed order.

    Arguments:
        data: a map-style dataset of `(input, label)`; a pair `(inputs, labels)` of tensors (`inputs` may be a dict or
            tuple of tensors with the same first dimension); or a `DataLoader` that repeats itself. Samples, batches and
            all data together may also be dicts, with the labels as `labels` or `label`.
        batch_size: samples loaded together from a dataset; a DataLoader keeps its own.
        loaders: processes that load a dataset; 0 loads in this one.
        what: how error messages call this data.
        limit: use at most so many samples, groups whole, see `radin.tasks.limit`.
        pinned: whether batches of a dataset lie in pinned memory, from which they reach a CUDA device faster.
        collate: makes a batch of a list of a dataset's samples; PyTorch's `default_collate` by default.
        asked: what is said of the kind of outputs.
        like: data of the same kind, if there are such.
        groups: for each sample the id of its group, `[M]`; None where samples do not depend on one another.

    Raises:
        DataError: no data, a loader that shuffles, data that change from one pass to the next.
    """

    def __init__(
        self,
        data: Any,
        *,
        batch_size: int,
        loaders: int = 0,
        what: str = "data",
        limit: int | None = None,
        pinned: bool = False,
        collate: Callable[[list[Any]], Any] | None = None,
        asked: Asked | None = None,
        like: Rows | None = None,
        groups: Any = None,
    ) -> None:
        self.what = what
        if isinstance(data, Mapping) and any(name in data for name in LABELS):
            data = labels_apart(data, what)
        refuse_listed_labels(data, what)
        self._given = data
        if limit is not None and groups is not None:
            data, groups = limited_groups(data, groups, limit, what)
        elif limit is not None:
            data = limited(data, limit, what)
        self._source = Source(data, what, batch_size=batch_size, loaders=loaders, pinned=pinned, collate=collate)
        self._asked, self._like, self._groups = asked or Asked(), like, groups
        self._first_samples: dict[tuple[int, ...], str] = {}

    @cached_property
    def _survey(self) -> tuple[Kind, np.ndarray, str]:
        """Kind, labels and fingerprint; reads through the data once unless they say both of the latter themselves."""
        dataset, fingerprint = self.dataset, ContentFingerprint()
        if isinstance(dataset, Fingerprinted):
            parts = [raw_labels(dataset.labels, self.what)]
        else:
            parts = []
            for inputs, labels in self._batches():
                fingerprint.feed(inputs)
                parts.append(labels)
        if not parts or not sum(map(len, parts)):
            raise DataError(f"{self.what}: expected at least one labelled sample, got none")
        kind = self._asked.kind(parts, self.what, self._like.kind if self._like else None)
        ends = np.cumsum([len(part) for part in parts])
        places = np.split(np.arange(ends[-1]), ends[:-1])
        kept = kind.join([kind.keep(part, self.what, own) for part, own in zip(parts, places, strict=True)])
        if isinstance(dataset, Fingerprinted):
            return kind, kept, dataset.fingerprint()
        fingerprint.feed(torch.from_numpy(kept), "labels")
        self._sizes = fingerprint.several_sizes
        return kind, kept, fingerprint.value()

    def _batches(self, only: Int64[np.ndarray, " s"] | None = None) -> Iterator[tuple[Any, np.ndarray]]:
        """Inputs and raw labels, of all samples or of some, batch by batch, checked to be one each for every sample."""
        done = 0
        some = None if only is None else self._source.some(only)
        for inputs, given in self._source.batches() if some is None else some:
            labels = raw_labels(given, self.what, done)
            if labels.ndim == 0:
                raise DataError(
                    f"{self.what}: expected one integer label per sample, got a single number; each batch has a list "
                    "of labels; let the DataLoader make batches (batch_size=...)"
                )
            done += len(labels)
            yield one_row_a_sample(inputs, len(labels), self.what), labels

    @property
    def several_sizes(self) -> tuple[list[int], list[int]] | None:
        """Two shapes of one input in different batches; None where all samples have one, as far as was read."""
        _ = self._survey
        return getattr(self, "_sizes", None)

    @property
    def dataset(self) -> Any:
        """The source of the samples, without the loader around it, if there is one."""
        return self._source.dataset

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
        return getattr(dataset_of(self._given), "columns", None)

    @property
    def class_names(self) -> list[tuple[str, ...]]:
        """Lists of class names in label order: the folders' names and readable ones, as far as the dataset has them."""
        named = [getattr(dataset_of(self._given), kind, None) for kind in ("classes", "titles")]
        return [tuple(map(str, names)) for names in named if isinstance(names, list | tuple)]

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on these data for a reader of the results."""
        own = self.dataset.remarks if isinstance(self.dataset, Images) else ()
        return own + (absent_classes(self.class_names, self.labels.reshape(-1)) if self.kind.has_columns else ())

    @property
    def kind(self) -> Kind:
        """The kind of outputs that the labels speak of."""
        return self._survey[0]

    @property
    def labels(self) -> np.ndarray:
        """The labels of every sample as they are scored, `[M, ...]`: of classes, `int64[M]`."""
        return self._survey[1]

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the contents of all inputs and labels."""
        return self._survey[2]

    @cached_property
    def strata(self) -> Int64[np.ndarray, " M"]:
        """For each sample a number of which a split takes its share: that of the class, for example."""
        return self.kind.strata(self.labels)

    @cached_property
    def groups(self) -> Int64[np.ndarray, " M"] | None:
        """For each sample the number of its group; None where each is a group of its own.

        Raises:
            DataError: another number of ids than samples, or one group alone.
        """
        return None if self._groups is None else group_numbers(self._groups, len(self), self.what)

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def can_choose(self) -> bool:
        """Whether some samples can be read without the others, in batches that are cut anew."""
        return self._source.some(np.arange(0)) is not None and self.several_sizes is None

    def batches(self, only: Int64[np.ndarray, " s"] | None = None) -> Generator[Any, None, None]:
        """The inputs, batch by batch; labels and the first samples are compared with those of the pass before.

        Arguments:
            only: places of the samples to read, in ascending order, where `can_choose`; by default all are read.
        """
        for batch in self.labelled(only):
            yield batch.inputs

    def labelled(self, only: Int64[np.ndarray, " s"] | None = None) -> Generator[Batch, None, None]:
        """The same with the labels, as the data give them."""
        places = np.arange(len(self)) if only is None else only
        done = 0
        for inputs, labels in self._batches(only):
            here = places[done : done + len(labels)]
            if len(here) < len(labels) or not np.array_equal(self._kept(labels, here), self.labels[here]):
                raise DataError(
                    f"{self.what}: the labels came in another order than on the first pass, from sample {done} on; "
                    "radin pairs logits with labels by position, so pass a loader that does not shuffle"
                )
            if done == 0:
                self._compare_first_samples(inputs, here)
            done += len(labels)
            yield Batch(inputs, labels, here)
        if done != len(places):
            raise DataError(f"{self.what}: this pass gave {done} samples, the first one {len(places)}")

    def _kept(self, labels: np.ndarray, places: Int64[np.ndarray, " b"]) -> np.ndarray:
        return self.kind.keep(labels, self.what, places)

    def take(self, rows: Int64[np.ndarray, " s"]) -> Any:
        """The inputs of some samples as one batch; others are loaded only by a DataLoader with ways of its own.

        Arguments:
            rows: places of the samples, in ascending order.

        Raises:
            DataError: samples of several sizes, which make no batch.
        """
        parts = list(self._parts(rows))
        try:
            return concatenate(parts)
        except DataError as error:
            raise DataError(f"{self.what}: {error}; they make no common batch") from error

    def _parts(self, rows: Int64[np.ndarray, " s"]) -> Iterator[Any]:
        """The inputs of some samples, in batches as they are loaded."""
        if self._source.some(rows[:0]) is not None:
            yield from (inputs for inputs, _ in self._batches(rows))
            return
        done = 0
        for inputs, labels in self._batches():
            here = rows[(rows >= done) & (rows < done + len(labels))] - done
            if len(here):
                yield cut(inputs, torch.from_numpy(here))
            done += len(labels)
            if done > rows[-1]:
                return

    def _compare_first_samples(self, inputs: Any, places: Int64[np.ndarray, " b"]) -> None:
        fingerprint = ContentFingerprint()
        fingerprint.feed(cut(inputs, slice(SAMPLES_COMPARED)))
        found = fingerprint.value()
        if self._first_samples.setdefault(tuple(places[:SAMPLES_COMPARED].tolist()), found) != found:
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
