"""The logit bank: every ingredient's logits on every sample, collected once and memory-mapped from then on."""

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

from radin.common.wording import counted
from radin.errors import DataError, MissingFileError
from radin.scoring.logit_folder import SPLIT, check_whole, load_array, selecting_rows

#: Samples read at a time where a whole `[M, C]` array is checked or copied.
BLOCK = 8192


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
        self.labels = labels if rows is None else labels[rows]
        self.n_classes = int(arrays[0].shape[1])
        self.n_samples = len(self.labels)

    @classmethod
    def from_arrays(cls, logits: Any, labels: ArrayLike, names: Sequence[str] | None = None) -> LogitBank:
        """A bank of logits made by anything else.

        Arguments:
            logits: `[N, M, C]`, or a sequence of `N` arrays `[M, C]`; numpy arrays (memory-mapped ones stay on disk)
                or torch tensors, of dtype float16, bfloat16, float32 or float64.
            labels: `int[M]`, each in `[0, C)`.
            names: the ingredients' names; `model0`, `model1`, ... by default.

        Raises:
            DataError: no ingredients, no samples, shapes that differ, logits that are not finite, labels out of range;
                the message names the ingredient.
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
        return cls(chosen, arrays, checked)

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        labels: str | os.PathLike[str] | None = None,
        *,
        samples: Literal["selection", "all"] = "selection",
    ) -> LogitBank:
        """A bank of the `.npy` files in a folder, one `[M, C]` array per model, in the order of their names.

        Arguments:
            folder: the folder, such as the `logits` folder of a run.
            labels: the labels' `.npy` file; `labels.npy` in the folder by default.
            samples: `selection` leaves out those that the run last held back, as `split.json` in the folder says, so
                that they go on telling what a choice is worth; without that file, and with `all`, every sample is in.

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
        files = sorted(file for file in root.glob("*.npy") if file.resolve() not in no_models)
        if not files:
            inside = f"; perhaps {root / 'logits'} is meant" if (root / "logits").is_dir() else ""
            raise MissingFileError(
                f"{root}: expected one .npy file of logits [samples, classes] per model, found none{inside}"
            )
        if not labels_file.exists():
            raise MissingFileError(
                f"{labels_file}: expected the labels, an int array [samples]; name another with --labels"
            )
        check_whole(root, [*files, labels_file])
        arrays, given = [load_array(file) for file in files], load_array(labels_file)
        _check_count(given, arrays, str(labels_file))
        bank = cls.from_arrays(arrays, given, [unquote(file.stem) for file in files])
        rows = selecting_rows(root / SPLIT, bank.n_samples) if samples == "selection" else None
        return bank if rows is None else bank.take(rows)

    @classmethod
    def join(cls, banks: Mapping[str, LogitBank]) -> LogitBank:
        """One bank of several on the same samples: models of any architectures, so long as their classes are the same.

        Arguments:
            banks: by what to put before the names of models that several have (`a/run1`, `b/run1`).

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
            if not np.array_equal(other._all_labels, first._all_labels) or not _same_rows(other._rows, first._rows):
                raise DataError(
                    f"{title} and {where} have logits of other samples: run all models on the same data, in the same "
                    "order, and with the same split; of runs with different splits, all samples can be ranked on "
                    "(--samples all)"
                )
        given = [name for bank in banks.values() for name in bank.names]
        names = [
            f"{title}/{name}" if given.count(name) > 1 else name for title, bank in banks.items() for name in bank.names
        ]
        arrays = [array for bank in banks.values() for array in bank._arrays]
        return cls(names, arrays, first._all_labels, first._rows)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        counts = (len(self), "ingredient"), (self.n_samples, "sample"), (self.n_classes, "class", "classes")
        return f"LogitBank({', '.join(counted(*count) for count in counts)})"

    def read(self, i: int, start: int, stop: int) -> Float[np.ndarray, "rows C"]:
        """Rows `[start, stop)` of ingredient `i`, in the stored dtype; bfloat16 comes as float32."""
        array = self._arrays[i]
        rows = array[start:stop] if self._rows is None else array[self._rows[start:stop]]
        return _widen(rows) if rows.dtype == np.uint16 else np.asarray(rows)

    def take(self, rows: Int64[np.ndarray, " m"]) -> LogitBank:
        """A view on some samples, given by index into the samples of this bank; nothing is copied."""
        return LogitBank(self.names, self._arrays, self._all_labels, rows if self._rows is None else self._rows[rows])


def check_logits(logits: np.ndarray, name: str, n_rows: int, n_classes: int) -> None:
    """Refuses logits of the wrong shape or with values that are not finite, naming the ingredient."""
    if logits.shape != (n_rows, n_classes):
        raise DataError(
            f"{name}: expected logits of shape [{n_rows}, {n_classes}] (samples, classes), got {list(logits.shape)}"
        )
    for start in range(0, n_rows, BLOCK):
        block = logits[start : start + BLOCK]
        finite = np.isfinite(_widen(block) if block.dtype == np.uint16 else block)
        if not finite.all():
            row = start + int((~finite).any(axis=1).argmax())
            raise DataError(
                f"{name}: its logits for sample {row} are not finite (NaN or infinite); this model has diverged "
                "or overflows in this precision; leave it out, or evaluate it in float32"
            )


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
    if array.dtype not in (np.float16, np.float32, np.float64):
        raise DataError(f"{name}: expected logits of a floating dtype, got {array.dtype}")
    return array


def _widen(bfloat16: np.ndarray) -> np.ndarray:
    return (bfloat16.astype(np.uint32) << 16).view(np.float32)
