"""Labelled images as every reader gives them: their names, those that can be read, and a fingerprint of them all."""

from __future__ import annotations

import copy
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from jaxtyping import Float32, Int64
from torch.utils.data import Dataset

from radin.common.files import fingerprint_of
from radin.common.progress import SILENT, Progress
from radin.common.threads import Threads
from radin.errors import DataError, InputError
from radin.tasks.split import sample_rows

if TYPE_CHECKING:
    from PIL.Image import Image

Transform = Callable[["Image"], Any]

#: What is done about an image that cannot be read: `stop` names it and ends the run, `skip` leaves it out everywhere.
Corrupt = Literal["stop", "skip"]

#: For each class of a part of the classes, the columns of the logits that stand for it.
Columns = tuple[tuple[int, ...], ...]


class Images(Dataset[tuple[Any, int]], ABC):
    """Labelled images: what all readers give, whatever files they read.

    Arguments:
        labels: the class of every image that is listed, known without reading it.
        classes: names of the classes, in label order.
        transform: turns an RGB image (of Pillow) into what the network takes. By default a float32 tensor `[3, h, w]`
            in `[0, 1]`. It must not be random: every model is to see the same samples.
        titles: what people call the classes, in the same order; by default the names, underscores read as blanks.
        columns: where the classes are a part of what the network tells apart, the columns of the logits that stand for
            each of them; the largest of its columns is a class's score. By default class `i` is column `i`.
        corrupt: `stop` raises on the first image that cannot be read; `skip` reads all of them before the first pass
            and leaves those out, so that every model sees the same samples.
        remarks: what a reader of the results should know of these data.
    """

    def __init__(
        self,
        labels: Int64[np.ndarray, " F"],
        classes: Sequence[str],
        transform: Transform | None = None,
        *,
        titles: Sequence[str] | None = None,
        columns: Columns | None = None,
        corrupt: str = "stop",
        remarks: Sequence[str] = (),
    ) -> None:
        if corrupt not in ("stop", "skip"):
            raise InputError(f"corrupt must be 'stop' or 'skip', got {corrupt!r}")
        self.listed = labels
        self.classes = tuple(classes)
        self.titles = tuple(titles) if titles is not None else tuple(name.replace("_", " ") for name in self.classes)
        self.transform = transform
        self.columns = columns
        self.corrupt = corrupt
        self._remarks = tuple(remarks)
        self._chosen: Int64[np.ndarray, " M"] = np.arange(len(labels))
        self._unread: tuple[str, ...] | None = None  # what `skip` left out, once that is known
        self._memory: MutableMapping[str, str] = {}
        self._fingerprints: list[str] | None = None  # of the samples, once they were surveyed

    @abstractmethod
    def open(self, row: int) -> Image:
        """The image listed at a place, in RGB.

        Raises:
            DataError: it cannot be read; names the file.
        """

    @abstractmethod
    def contents(self, row: int, memory: MutableMapping[str, str]) -> str:
        """Fingerprint of the contents of the image listed at a place, from memory where that is still true."""

    @abstractmethod
    def name(self, row: int) -> str:
        """The name of the image listed at a place, which does not depend on the folder of the data."""

    def sample(self, n: int, seed: int) -> Images:
        """The same data with `n` images alone, drawn by a seed, each class in proportion; no image is read for it."""
        return self._part(self._chosen[sample_rows(self.listed[self._chosen], n, seed)])

    def take(self, rows: Int64[np.ndarray, " m"]) -> Images:
        """The same data with some of its images alone: places among those that this one has."""
        return self._part(self.rows[rows])

    def _part(self, chosen: Int64[np.ndarray, " m"]) -> Images:
        part = copy.copy(self)
        part._chosen, part._fingerprints = chosen, None
        return part

    def survey(self, memory: MutableMapping[str, str], progress: Progress = SILENT) -> None:
        """Reads contents, and decides which images are left out, before the first pass.

        Arguments:
            memory: fingerprints that are known already, and gets those that are not; kept for `fingerprint`.
            progress: watches.
        """
        self._memory = memory
        skipping = self.corrupt == "skip" and self._unread is None
        look = self._complaint if skipping else self._fingerprinted
        with progress.stage("reading data", len(self._chosen), "image") as advance, Threads() as threads:
            found = []
            for fingerprint, complaint in threads.map(look, self._chosen.tolist()):
                found.append((fingerprint, complaint))
                advance(1)
        if skipping:
            self._chosen = self._chosen[np.array([not complaint for _, complaint in found], dtype=bool)]
            self._unread = tuple(complaint for _, complaint in found if complaint)
            if not len(self._chosen):
                raise DataError(f"none of {len(found)} images can be read; the first: {self._unread[0]}")
        self._fingerprints = [fingerprint for fingerprint, complaint in found if not complaint]

    def _fingerprinted(self, row: int) -> tuple[str, str]:
        with self._saying_how_to_skip():
            return self.contents(row, self._memory), ""

    @contextmanager
    def _saying_how_to_skip(self) -> Iterator[None]:
        """Adds to the error of an image that cannot be read the setting that leaves out all such images."""
        try:
            yield
        except DataError as error:
            if self.corrupt == "skip":
                raise
            raise DataError(f"{error}; or leave out all that cannot be read.").mended_by(corrupt="skip") from error

    def _complaint(self, row: int) -> tuple[str, str]:
        """Contents of an image, and why it cannot be read, or nothing. What was tried before is not tried again."""
        try:
            fingerprint = self.contents(row, self._memory)
        except DataError as error:
            return "", str(error)
        known_as = f"image\0{self.name(row)}\0{fingerprint}"
        if known_as not in self._memory:
            self._memory[known_as] = self._tried(row)
        return fingerprint, self._memory[known_as]

    def _tried(self, row: int) -> str:
        try:
            self.open(row)
        except DataError as error:
            return str(error)
        return ""

    @property
    def rows(self) -> Int64[np.ndarray, " M"]:
        """Places of the samples among all that is listed."""
        if self.corrupt == "skip" and self._unread is None:
            self.survey(self._memory)
        return self._chosen

    @property
    def labels(self) -> Int64[np.ndarray, " M"]:
        """The class of every sample."""
        return self.listed[self.rows]

    @property
    def skipped(self) -> int:
        """Number of images that were left out, since they cannot be read."""
        return len(self._unread or ()) if len(self.rows) else 0

    @property
    def remarks(self) -> tuple[str, ...]:
        """Remarks on these data for a reader of the results."""
        if not self.skipped:
            return self._remarks
        first, tried = (self._unread or ("",))[0], len(self._chosen) + self.skipped
        return (*self._remarks, f"{self.skipped} of {tried} images cannot be read and are left out, such as {first}")

    def fingerprint(self) -> str:
        """Fingerprint of classes, names, contents, and the transform's `repr`.

        Contents are those of the survey, if there was one. Without one, files that did not change since the last call
        are not read again. A transform whose `repr` does not say what it
        does, such as a lambda, is known by its name only.
        """
        rows, fingerprints = self.rows.tolist(), self._fingerprints
        if fingerprints is None:
            with Threads() as threads:
                fingerprints = list(threads.map(lambda row: self.contents(row, self._memory), rows))
        names = [self.name(row) for row in rows]
        described = _described(self.transform)
        return fingerprint_of(
            "images-1", self.classes, self.columns, names, self.labels.tolist(), fingerprints, described
        )

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, index: int) -> tuple[Any, int]:
        row = int(self.rows[index])
        with self._saying_how_to_skip():
            image = self.open(row)
        return (self.transform or _as_tensor)(image), int(self.listed[row])

    def __getstate__(self) -> dict[str, Any]:
        self.rows  # noqa: B018  # a worker process is to hear which images are left out, not to look itself
        return self.__dict__ | {"_memory": {}}


def _as_tensor(image: Image) -> Float32[torch.Tensor, "3 h w"]:
    return torch.from_numpy(np.array(image, dtype=np.float32) / 255).permute(2, 0, 1).contiguous()


def _described(transform: Transform | None) -> str:
    """The `repr` of a transform without addresses in memory, which change from run to run."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", repr(transform))


def scored_columns(logits: Float32[np.ndarray, "M ..."], columns: Columns | None) -> Float32[np.ndarray, "M ..."]:
    """The scores of a part of the classes: for each of them the largest of its columns of the logits.

    Arguments:
        logits: of a network, for all classes that it knows, `[M, C]`; without columns, outputs of any kind.
        columns: for each class of the part its columns; None for all classes as they are.

    Raises:
        DataError: the network has fewer columns.
    """
    if columns is None:
        return logits
    flat = np.array([column for group in columns for column in group], dtype=np.int64)
    if flat.max() >= logits.shape[1]:
        raise DataError(f"the data speak of class {flat.max()}, but the network tells {logits.shape[1]} classes apart")
    chosen = logits[:, flat]
    if len(flat) == len(columns):
        return chosen
    starts = np.cumsum([0, *(len(group) for group in columns[:-1])])
    return np.maximum.reduceat(chosen, starts, axis=1)
