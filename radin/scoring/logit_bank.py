"""The logit bank: the logits of every ingredient on every sample, collected once and memory-mapped from then on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np
from jaxtyping import Float, Int64, Shaped
from numpy.typing import ArrayLike

from radin.common.natural_order import natural
from radin.common.wording import counted
from radin.errors import DataError, MissingFileError, NonFiniteError
from radin.scoring.logit_folder import SPLIT, check_whole, load_array, selecting_rows

#: Samples read at a time where a whole `[M, C]` array is checked or copied; chosen by hand.
BLOCK = 8192

#: How far a row of probabilities may be from a sum of 1: float16 rounds each of them.
ROUNDING = 0.01

#: Rows from which on it is no accident that all are in [0, 1] and sum to 1; chosen by hand.
TELLING = 8

#: What `LogitBank.from_arrays` does with probabilities, see there.
Probabilities = Literal["refuse", "log"]


class LogitBank:
    """The logits of `N` ingredients on `M` samples and `C` classes, with the samples' labels.

    Build one with `LogitBank.from_arrays` or `LogitBank.from_folder`; a `radin.Verifier` has one, too.

    Attributes:
        names: the ingredients' names, in pool order.
        labels: `int64[M]`, each in `[0, C)`.
        n_classes: `C`.
        n_samples: `M`, the samples in view.
    """

    def __init__(
        self,
        names: Sequence[str],
        arrays: Sequence[Shaped[np.ndarray, "rows C"]],
        labels: Int64[np.ndarray, " rows"],
        rows: Int64[np.ndarray, " M"] | None = None,
    ) -> None:
        self.names = tuple(names)
        self._arrays = tuple(arrays)
        self._all_labels = labels
        self._rows = rows
        self._places = rows  # of the samples in the data that they were chosen from
        self.labels = labels if rows is None else labels[rows]
        self.n_classes = int(arrays[0].shape[1])
        self.n_samples = len(self.labels)

    @classmethod
    def from_arrays(
        cls,
        logits: Any,
        labels: ArrayLike,
        names: Sequence[str] | None = None,
        *,
        probabilities: Probabilities = "refuse",
    ) -> LogitBank:
        """A bank of logits made by anything else.

        Arguments:
            logits: `[N, M, C]`, or a sequence of `N` arrays `[M, C]`; numpy arrays (memory-mapped ones stay on disk)
                or torch tensors, of dtype float16, bfloat16, float32 or float64, in any byte order.
            labels: `int[M]`, each in `[0, C)`.
            names: the ingredients' names; `model0`, `model1`, ... by default.
            probabilities: what to do with an ingredient whose rows are all in [0, 1] and sum to 1, as those of
                `predict_proba` do. `refuse` raises an error, since averages and losses of logits mean something else;
                `log` takes their logarithms, which are logits, into memory. A probability of 0 then counts as the
                smallest normal number of its dtype.

        Raises:
            DataError: no ingredients, no samples, shapes that differ, logits that are not finite, probabilities, labels
                out of range; the message names the ingredient.
        """
        given = list(logits)
        chosen = tuple(names) if names is not None else tuple(f"model{i}" for i in range(len(given)))
        if not given:
            raise DataError("a logit bank needs the logits of at least one ingredient, got none")
        if len(chosen) != len(given) or len(set(chosen)) != len(chosen):
            raise DataError(f"expected {len(given)} different names, one per ingredient, got {list(chosen)}")
        arrays = [_as_float_array(one, name) for one, name in zip(given, chosen, strict=True)]
        checked = _as_labels(labels)
        _check_count(checked, arrays, "labels")
        n_classes = int(arrays[0].shape[-1])
        check_labels(checked, n_classes, chosen[0])
        with (
            ThreadPoolExecutor() as pool
        ):  # the first failure in the order of the ingredients is the one that is raised
            list(pool.map(lambda array, name: check_logits(array, name, len(checked), n_classes), arrays, chosen))
            known = list(pool.map(are_probabilities, arrays))
        if probabilities == "log":
            arrays = [_logarithms(array) if one else array for array, one in zip(arrays, known, strict=True)]
        elif any(known) and len(checked) >= TELLING:
            raise DataError(
                f"{chosen[known.index(True)]}: expected logits, got what look like probabilities (all rows are in "
                "[0, 1] and sum to 1), whose averages and losses mean something else; give the logits, or the "
                "logarithms of the probabilities."
            ).mended_by(probabilities="log")
        return cls(chosen, arrays, checked)

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        labels: str | os.PathLike[str] | None = None,
        *,
        samples: Literal["selection", "all"] = "selection",
        probabilities: Probabilities = "refuse",
    ) -> LogitBank:
        """A bank of the `.npy` files in a folder, one `[M, C]` array per model, in natural order of their names:
        `run2` before `run10`.

        Arguments:
            folder: the folder, such as the `logits` folder of a run.
            labels: the labels' `.npy` file; `labels.npy` in the folder by default.
            samples: `selection` leaves out the samples that the run held back, as `split.json` in the folder says, so
                that they stay unseen; without that file, and with `all`, the bank has every sample.
            probabilities: see `from_arrays`.

        Raises:
            MissingFileError: no such folder, no logits or no labels in it.
            DataError: as for `from_arrays`, and for a file that is no array or a split of other samples.
        """
        root = Path(folder)
        labels_file = Path(labels) if labels is not None else root / "labels.npy"
        if not root.is_dir():
            raise MissingFileError(f"{root}: no such folder; expected one with a .npy file of logits per model")
        # A folder's own labels are no model, also where others are named.
        no_models = {labels_file.resolve(), (root / "labels.npy").resolve()}
        found = (file for file in root.glob("*.npy") if file.resolve() not in no_models)
        files = sorted(found, key=natural)
        if not files:
            inside = f"; perhaps {root / 'logits'} is meant" if (root / "logits").is_dir() else ""
            raise MissingFileError(
                f"{root}: expected one .npy file of logits [samples, classes] per model, found none{inside}"
            )
        if not labels_file.exists():
            raise MissingFileError(
                f"{labels_file}: expected the labels, an int array [samples]; name the file that holds them."
            ).mended_by(labels="FILE")
        check_whole(root, [*files, labels_file])
        arrays, given = [load_array(file) for file in files], load_array(labels_file)
        names = [unquote(file.stem) for file in files]
        if given.ndim == 1 and any(array.ndim == 2 and len(array) < len(given) for array in arrays):
            split = selecting_rows(root / SPLIT, len(given))
            if split is not None:
                return cls._of_selected(root, arrays, given, split, names, samples, probabilities)
        _check_count(given, arrays, str(labels_file))
        bank = cls.from_arrays(arrays, given, names, probabilities=probabilities)
        rows = selecting_rows(root / SPLIT, bank.n_samples) if samples == "selection" else None
        return bank if rows is None else bank.take(rows)

    @classmethod
    def _of_selected(
        cls,
        root: Path,
        arrays: Sequence[np.ndarray],
        labels: np.ndarray,
        split: Int64[np.ndarray, " m"],
        names: Sequence[str],
        samples: Literal["selection", "all"],
        probabilities: Probabilities,
    ) -> LogitBank:
        """The bank of a run's folder, whose arrays hold the samples that select; those of version 0.1 hold all."""
        if samples == "all":
            raise DataError(
                f"{root}: this run has logits on the samples that select alone; those that it holds back are run for "
                "its winner, and for what that is compared with. With a holdback of 0 all samples select."
            ).mended_by(samples="selection")
        chosen = [array[split] if len(array) == len(labels) else array for array in arrays]
        bank = cls.from_arrays(chosen, np.asarray(labels)[split], names, probabilities=probabilities)
        bank._places = split
        return bank

    @classmethod
    def join(cls, banks: Mapping[str, LogitBank]) -> LogitBank:
        """One bank of several on the same samples and classes; architectures may differ.

        Arguments:
            banks: each bank under the prefix of the names that several banks have (`a/run1`, `b/run1`).

        Raises:
            DataError: no banks, or other samples or classes.
        """
        if not banks:
            raise DataError("expected at least one bank of logits, got none")
        (where, first), *others = banks.items()
        for title, other in others:
            if other.n_classes != first.n_classes:
                raise DataError(
                    f"{title} has logits of {other.n_classes} classes, {where} of {first.n_classes}: models of other "
                    "classes cannot be averaged"
                )
            # Of another split the labels alone may be the same, where data come sorted by class.
            if not np.array_equal(other.labels, first.labels) or not _same_rows(other._places, first._places):
                raise DataError(
                    f"{title} and {where} have logits of other samples: run all models on the same data, in the same "
                    "order, and with the same split; runs with different splits can be ranked on all samples."
                ).mended_by(samples="all")
        given = [name for bank in banks.values() for name in bank.names]
        names = [
            f"{title}/{name}" if given.count(name) > 1 else name for title, bank in banks.items() for name in bank.names
        ]
        if len({len(bank._all_labels) for bank in banks.values()}) > 1:  # some runs have logits on all samples
            read = [bank.logits(i) for bank in banks.values() for i in range(len(bank))]
            return cls(names, read, first.labels)
        arrays = [array for bank in banks.values() for array in bank._arrays]
        return cls(names, arrays, first._all_labels, first._rows)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        counts = (len(self), "ingredient"), (self.n_samples, "sample"), (self.n_classes, "class", "classes")
        return f"LogitBank({', '.join(counted(*count) for count in counts)})"

    def read(self, i: int, start: int, stop: int) -> Float[np.ndarray, "rows C"]:
        """Rows `[start, stop)` of ingredient `i`, in the stored dtype and this machine's byte order; bfloat16 comes as
        float32."""
        array = self._arrays[i]
        return _native(array[start:stop] if self._rows is None else array[self._rows[start:stop]])

    def logits(self, i: int) -> Float[np.ndarray, "M C"]:
        """The logits of ingredient `i` on all samples in view, as `read` gives them."""
        return self.read(i, 0, self.n_samples)

    def take(self, rows: Int64[np.ndarray, " m"]) -> LogitBank:
        """A view of some samples, given by their indices in this bank; nothing is copied."""
        taken = LogitBank(self.names, self._arrays, self._all_labels, rows if self._rows is None else self._rows[rows])
        taken._places = rows if self._places is None else self._places[rows]
        return taken


def check_logits(logits: np.ndarray, name: str, n_rows: int, n_classes: int) -> None:
    """Refuses logits of the wrong shape or with values that are not finite, naming the ingredient."""
    if logits.shape != (n_rows, n_classes):
        raise DataError(
            f"{name}: expected logits of shape [{n_rows}, {n_classes}] (samples, classes), got {list(logits.shape)}"
        )
    for start in range(0, n_rows, BLOCK):
        block = logits[start : start + BLOCK]
        values = _native(block)
        finite = np.isfinite(values)
        if not finite.all():
            row = int((~finite).any(axis=1).argmax())
            where = f"{name}: its logits for sample {start + row} are not finite"
            if np.isneginf(values[row][~finite[row]]).all():
                raise NonFiniteError(
                    f"{where}: class {int((~finite[row]).argmax())} has -inf, the logarithm of a probability of 0 or "
                    "the mark of a class that is masked; one such ingredient would rule the class out for every "
                    "average, so write a large finite number, such as -100, in its place"
                )
            raise NonFiniteError(
                f"{where} (NaN or infinite); this model has diverged or overflows in this precision; leave it out, or "
                "evaluate it in float32"
            )


def are_probabilities(logits: np.ndarray) -> bool:
    """Whether all rows of two classes or more are in [0, 1] and sum to 1."""
    if logits.shape[1] < 2:
        return False
    for start in range(0, len(logits), BLOCK):
        block = _native(logits[start : start + BLOCK])
        if block.min() < 0 or block.max() > 1:
            return False
        if np.abs(block.sum(axis=1, dtype=np.float64) - 1).max() > ROUNDING:
            return False
    return True


def check_labels(labels: Int64[np.ndarray, " M"], n_classes: int, name: str) -> None:
    """Refuses an empty set of labels, and labels outside `[0, C)`."""
    if len(labels) == 0:
        raise DataError("expected at least one labelled sample, got no data")
    bad = (labels < 0) | (labels >= n_classes)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"label {labels[row]} of sample {row} is out of range: {name} gives {n_classes} classes, "
            f"so labels must be between 0 and {n_classes - 1}; do yours start at 1?"
        )


def _check_count(labels: np.ndarray, logits: Sequence[np.ndarray], name: str) -> None:
    """Refuses labels where all logits are of one other number of samples, naming the labels."""
    counts = {len(array) if array.ndim == 2 else None for array in logits}
    n_rows = counts.pop()
    if not counts and n_rows is not None and labels.ndim == 1 and len(labels) != n_rows:
        raise DataError(f"{name}: expected {n_rows} labels, one for each sample of the logits, got {len(labels)}")


def _same_rows(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))


def _as_labels(labels: Any) -> Int64[np.ndarray, " M"]:
    array = np.asarray(labels)
    if array.ndim != 1 or not np.issubdtype(array.dtype, np.integer):
        raise DataError(
            f"expected labels as integers of shape [samples], got {array.dtype} of shape {list(array.shape)}"
        )
    return array.astype(np.int64)


def _as_float_array(one: Any, name: str) -> np.ndarray:
    if str(getattr(one, "dtype", "")) == "torch.bfloat16":
        import torch

        return np.asarray(one.detach().cpu().view(torch.uint16).numpy())
    array = np.asarray(one.detach().cpu() if hasattr(one, "detach") else one)
    if array.dtype.newbyteorder("=") not in (np.float16, np.float32, np.float64):
        raise DataError(f"{name}: expected logits of a floating dtype, got {array.dtype}")
    return array


def _logarithms(probabilities: np.ndarray) -> np.ndarray:
    """Logarithms of probabilities, in float32 at least."""
    values = _native(probabilities)
    least = np.finfo(np.float32 if probabilities.dtype == np.uint16 else values.dtype).smallest_normal
    wide = np.result_type(values.dtype, np.float32)
    return np.log(np.maximum(values, least).astype(wide))


def _native(stored: np.ndarray) -> np.ndarray:
    """The values in this machine's byte order; bfloat16 (stored as uint16) as float32."""
    if stored.dtype == np.uint16:
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return np.asarray(stored, dtype=stored.dtype.newbyteorder("="))
