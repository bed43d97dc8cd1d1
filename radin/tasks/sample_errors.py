"""Errors of a user's dataset and collation: which sample is at fault, and the remedy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch.utils.data import DataLoader, IterableDataset, SequentialSampler, default_collate

from radin.common.code_location import place_of_error
from radin.common.out_of_memory import is_out_of_memory
from radin.errors import DataError, RadinError


class Watched(Iterator[Any]):
    """The batches of a loader; an error of the dataset or of collation becomes one that names the sample.

    Arguments:
        loader: gives the batches.
        what: how error messages call the data.

    Raises:
        DataError: the dataset raised, or its samples cannot be collated.
    """

    def __init__(self, loader: DataLoader[Any], what: str) -> None:
        self._loader, self._what, self._number = loader, what, -1
        self._batches: Iterator[Any] | None = None

    def __next__(self) -> Any:
        self._number += 1
        try:
            if self._batches is None:
                self._batches = iter(self._loader)
            return next(self._batches)
        except StopIteration:
            self._refuse_early_end()
            raise
        except (Exception, SystemExit) as error:
            if is_out_of_memory(error):
                raise
            raise self._explained(error) from error

    def _refuse_early_end(self) -> None:
        """A dataset that raises StopIteration for a sample seems to have ended there."""
        if (rows := self._rows()) is None or self._loader.drop_last:
            return
        if rows:
            last = next((row for row in rows if self._ends(row)), None)
            which = f"sample {rows[0]} or one after it" if last is None else f"sample {last}"
            raise DataError(
                f"{self._what}: {which}, of {_length(self._loader.sampler)}, raised StopIteration, which ends the data "
                "there; mend the dataset's __getitem__, or its __len__"
            )

    def _ends(self, row: int) -> bool:
        try:
            self._loader.dataset[row]
        except StopIteration:
            return True
        except (Exception, SystemExit):  # another error than the first time, which is not the one to report
            return False
        return False

    def _rows(self) -> range | None:
        """Places of the samples in the batch that was asked for last; None where they cannot be told."""
        loader = self._loader
        length = _length(loader.sampler)
        if isinstance(loader.dataset, IterableDataset) or length is None or loader.batch_size is None:
            return None
        if not isinstance(loader.sampler, SequentialSampler):
            return None
        start = self._number * loader.batch_size
        return range(min(start, length), min(start + loader.batch_size, length))

    def _explained(self, error: BaseException) -> RadinError:
        rows, dataset = self._rows(), self._loader.dataset
        samples: list[Any] = []
        for row in rows or ():
            try:
                samples.append(dataset[row])
            except RadinError as own:  # of the data that radin ships, which name the file
                return own
            except (Exception, SystemExit) as raised:
                return DataError(f"{self._what}: sample {row} raised {_said(raised)}{place_of_error(raised)}")
        if samples and rows is not None and _uses_default(self._loader):
            fault = _collation_fault(samples, rows.start)
            if fault:
                return DataError(f"{self._what}: {fault}")
        return self._unexplained(error, rows)

    def _unexplained(self, error: BaseException, rows: range | None) -> RadinError:
        where = f"samples {rows.start} to {rows.stop - 1}" if rows else f"batch {self._number}"
        if isinstance(error, RadinError) and not _from_worker(error):
            return error
        if "exited unexpectedly" in str(error) or "is killed by signal" in str(error):
            remedy = "perhaps memory ran out in it, or shared memory (/dev/shm) is too small"
            return DataError(
                f"{self._what}: a process that loads the data ended before it gave {where}; {remedy}"
            ).mended_by(loaders=0)
        return DataError(f"{self._what}: reading {where} raised {_said(error)}{place_of_error(error)}")


def _length(dataset: Any) -> int | None:
    try:
        return len(dataset)
    except (TypeError, NotImplementedError):
        return None


def _uses_default(loader: DataLoader[Any]) -> bool:
    return loader.collate_fn is default_collate


def _from_worker(error: BaseException) -> bool:
    return "Original Traceback" in str(error)


def _said(error: BaseException) -> str:
    """Class and message of an error, also of one that a worker process sent as the text of its traceback."""
    if _from_worker(error):
        return str(error).strip().splitlines()[-1].strip()
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _collation_fault(samples: Sequence[Any], first: int) -> str:
    """Why samples cannot be put into one batch; empty if that cannot be told."""
    for i, sample in enumerate(samples):
        if isinstance(sample, Mapping) and isinstance(samples[0], Mapping):
            fault = _part_fault(sample, samples[0], "entry")
            if fault:
                return f"sample {first + i}: {fault.replace('<first>', str(first))}"
            continue
        if not isinstance(sample, tuple | list) or len(sample) != 2:
            got = f"a {type(sample).__name__}"
            got += f" of {len(sample)}" if isinstance(sample, tuple | list | Mapping) else ""
            return f"sample {first + i} is {got}; expected a pair (input, label)"
        for part, name in zip(sample, ("input", "label"), strict=True):
            fault = _part_fault(part, samples[0][0 if name == "input" else 1], name)
            if fault:
                return f"sample {first + i}: {fault.replace('<first>', str(first))}"
    return ""


def _part_fault(part: Any, usual: Any, name: str) -> str:
    """The reason why one part of a sample cannot be stacked with that of the first sample."""
    if part is None:
        return f"its {name} is None"
    if isinstance(part, torch.Tensor | np.ndarray):
        shape, expected = list(part.shape), list(getattr(usual, "shape", part.shape))
        if shape != expected:
            return (
                f"its {name} has shape {shape}, that of sample <first> {expected}. Samples of one batch need one size: "
                "resize, crop or pad them in the dataset's transform, or in a collate_fn, which the task takes"
            )
        if isinstance(part, np.ndarray) and part.dtype.kind in "OSU":
            return f"its {name} is an array of {part.dtype}, which cannot be a tensor"
        return ""
    if isinstance(part, Mapping):
        if not isinstance(usual, Mapping) or part.keys() != usual.keys():
            return f"its {name} has the keys {list(part)}, that of sample <first> others"
        faults = (_part_fault(part[key], usual[key], f"{name} {key!r}") for key in part)
        return next((fault for fault in faults if fault), "")
    if isinstance(part, tuple | list):
        if not isinstance(usual, tuple | list) or len(part) != len(usual):
            usual_length = len(usual) if isinstance(usual, tuple | list) else type(usual).__name__
            return (
                f"its {name} is a list of {len(part)}, that of sample <first> of {usual_length}. Samples of a batch "
                "need one length: pad them in the dataset, or in a collate_fn, which the task takes"
            )
        faults = (_part_fault(one, other, name) for one, other in zip(part, usual, strict=True))
        return next((fault for fault in faults if fault), "")
    if isinstance(part, str | bytes) != isinstance(usual, str | bytes):
        return f"its {name} is {part!r:.60}, that of sample <first> {usual!r:.60}: one is text, and the other is not"
    if isinstance(part, int | float | str | bytes | np.generic):
        return ""
    kind = type(part)
    image = any(base.__module__.startswith("PIL.") for base in kind.__mro__)
    remedy = "give the dataset a transform that ends in a tensor (torchvision's ToTensor(), say)"
    return (
        f"its {name} is {'an image' if image else 'an object'} of type {kind.__module__}.{kind.__qualname__}, which "
        f"cannot be put into a batch; {remedy if image or name == 'input' else 'give a number'}"
    )
