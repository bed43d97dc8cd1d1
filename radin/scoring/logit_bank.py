"""The logit bank: the outputs of every ingredient on every sample, collected once and memory-mapped from then on."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

import numpy as np
from jaxtyping import Float, Int64, Shaped
from numpy.typing import ArrayLike

from radin.common.html import table
from radin.common.natural_order import natural
from radin.common.threads import Threads
from radin.common.wording import counted
from radin.errors import DataError, MissingFileError
from radin.scoring.kinds import CLASSES, PROBABILITIES, Asked, Classes, Kind, OneLogit, Tokens
from radin.scoring.label_files import labels_beside, load_array, read_labels
from radin.scoring.logit_folder import SPLIT, check_whole, kind_and_groups, selecting_rows
from radin.scoring.stored_outputs import (
    TELLING,
    OnProbabilities,
    are_probabilities,
    as_float_array,
    as_kept,
    chances,
    check_count,
    check_finite,
    check_shapes,
    logarithms,
    native,
    numbers,
)


class LogitBank:
    """The outputs of `N` ingredients on `M` rows, `C` numbers each, with the rows' labels.

    A row is a sample, or a position in one; outputs are logits of classes, or what else the kind says. Build one with
    `LogitBank.from_arrays` or `LogitBank.from_folder`; a `radin.Verifier` has one, too.

    Attributes:
        names: the ingredients' names, in pool order.
        labels: of the rows: of classes `int64[M]`, each in `[0, C)`; of several labels `int64[M, C]`, of values
            `float64[M, C]`.
        n_classes: `C`.
        n_samples: `M`, the rows in view.
        kind: the kind of outputs.
        groups: for each row the number of its group, `int64[M]`; None where each row is a group of its own.
    """

    def __init__(
        self,
        names: Sequence[str],
        arrays: Sequence[Shaped[np.ndarray, "rows C"]],
        labels: Shaped[np.ndarray, "rows ..."],
        rows: Int64[np.ndarray, " M"] | None = None,
        *,
        kind: Kind = CLASSES,
        groups: Int64[np.ndarray, " rows"] | None = None,
        samples: Int64[np.ndarray, " rows"] | None = None,
    ) -> None:
        self.names = tuple(names)
        self._arrays = tuple(arrays)
        self._all_labels, self._all_groups, self._samples = labels, groups, samples
        self._rows = rows
        self._places = rows  # of the rows in the data that they were chosen from
        self.kind = kind
        self.labels = labels if rows is None else labels[rows]
        self.groups = groups if rows is None or groups is None else groups[rows]
        self.n_classes = int(arrays[0].shape[1])
        self.n_samples = len(self.labels)

    @classmethod
    def of_samples(
        cls,
        names: Sequence[str],
        arrays: Sequence[Shaped[np.ndarray, "M ..."]],
        labels: Shaped[np.ndarray, "M ..."],
        kind: Kind,
        groups: Int64[np.ndarray, " M"] | None = None,
    ) -> LogitBank:
        """A bank of outputs and labels as a kind keeps them, sample by sample.

        Nothing is copied, but for choices that some networks were not asked about.

        Arguments:
            names: the ingredients' names.
            arrays: outputs of each, `[M, ...]`.
            labels: of the samples, `[M, ...]`.
            kind: of the outputs.
            groups: the number of each sample's group, if samples depend on one another.
        """
        rows, labels, arrays = kind.rows(labels), kind.scored(labels), kind.alike(arrays)
        if rows is None:
            return cls(names, arrays, labels, kind=kind, groups=groups)
        samples = np.repeat(np.arange(len(labels)), kind.entries)
        flat = [np.asarray(array).reshape(-1, array.shape[-1]) for array in arrays]
        of_samples = samples if groups is None else groups[samples]
        return cls(names, flat, labels.reshape(-1), rows, kind=kind, groups=of_samples, samples=samples)

    @classmethod
    def from_arrays(
        cls,
        logits: Any,
        labels: ArrayLike,
        names: Sequence[str] | None = None,
        *,
        probabilities: OnProbabilities = "refuse",
        outputs: str | None = None,
        groups: ArrayLike | None = None,
    ) -> LogitBank:
        """A bank of outputs made by anything else.

        Arguments:
            logits: `[N, M, C]`, or a sequence of `N` arrays `[M, C]`; numpy arrays (memory-mapped ones stay on disk)
                or torch tensors, of dtype float16, bfloat16, float32 or float64, in any byte order. Of values also
                `[M]`, and of positions `[M, P, C]`, with a label for each.
            labels: `int[M]`, each in `[0, C)`, for classes; of other kinds as a task has them.
            names: the ingredients' names; `model0`, `model1`, ... by default.
            probabilities: what to do with an ingredient whose rows are all in [0, 1] and sum to 1, as those of
                `predict_proba` do. `refuse` raises an error, since averages and losses of logits mean something else;
                `log` takes their logarithms, which are logits, into memory. A probability of 0 then counts as the
                smallest normal number of its dtype. `average` averages probabilities themselves, and of logits their
                softmax: those of all ingredients are taken into memory.
            outputs: the kind of outputs, where the labels do not decide it, see `radin.Task`. Those of `tokens` are as
                a run folder keeps them, `[M, P, k + 2]`: the label's logit comes first.
            groups: the number of each sample's group, `int[M]`.

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
        arrays = [as_float_array(one, name) for one, name in zip(given, chosen, strict=True)]
        raw = np.asarray(labels.detach().cpu() if hasattr(labels, "detach") else labels)
        check_count(raw, arrays, "labels")
        kind = Asked(outputs).kind([numbers(raw)], "labels")
        kind, kept, arrays = as_kept(kind, raw, arrays, chosen, probabilities)
        check_shapes(kind, kept, arrays, chosen)
        groups = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1].reshape(-1)
        bank = cls.of_samples(chosen, arrays, kept, kind, groups)
        with Threads() as pool:  # the first failure in the order of the ingredients is the one that is raised
            list(pool.map(lambda array, name: check_finite(kind, array, name), arrays, chosen))
            known = list(pool.map(are_probabilities, bank._arrays)) if kind.softmax else [False] * len(arrays)
        return bank._of_logits(known, probabilities)

    def _of_logits(self, known: Sequence[bool], probabilities: OnProbabilities) -> LogitBank:
        """This bank, with what is to be done where outputs are `known` to look like probabilities."""
        if probabilities == "average":
            return self._of_chances(self.names, self)
        if probabilities == "log":
            found = [logarithms(array) if one else array for array, one in zip(self._arrays, known, strict=True)]
            self._arrays = tuple(found)
        elif any(known) and self.n_samples >= TELLING:
            raise DataError(
                f"{self.names[known.index(True)]}: expected logits, got what look like probabilities (all rows are in "
                "[0, 1] and sum to 1), whose averages and losses mean something else; give the logits, or the "
                "logarithms of the probabilities."
            ).mended_by(probabilities="log")
        return self

    @classmethod
    def _of_chances(cls, names: Sequence[str], bank: LogitBank) -> LogitBank:
        """A bank of the probabilities that outputs of classes stand for."""
        if type(bank.kind) not in (Classes, OneLogit):
            raise DataError(
                f"probabilities of classes can be averaged, and these outputs are {bank.kind.name}; leave it out"
            )
        arrays = [chances(array) for array in bank._arrays]
        return cls(names, arrays, bank._all_labels, bank._rows, kind=PROBABILITIES, groups=bank._all_groups)

    @classmethod
    def from_folder(
        cls,
        folder: str | os.PathLike[str],
        labels: str | os.PathLike[str] | None = None,
        *,
        samples: Literal["selection", "all"] = "selection",
        probabilities: OnProbabilities = "refuse",
        outputs: str | None = None,
    ) -> LogitBank:
        """A bank of the `.npy` files in a folder, one `[M, C]` array per model, in natural order of their names:
        `run2` before `run10`.

        Arguments:
            folder: the folder, such as the `logits` folder of a run.
            labels: the file of labels; `labels.npy`, `.csv`, `.json` or `.txt` in the folder by default.
            samples: `selection` leaves out the samples that the run held back, as `split.json` in the folder says, so
                that they stay unseen; without that file, and with `all`, the bank has every sample.
            probabilities: see `from_arrays`.
            outputs: the kind of outputs, where neither the folder nor the labels decide it.

        Raises:
            MissingFileError: no such folder, no logits or no labels in it.
            DataError: as for `from_arrays`, and for a file that is no array or a split of other samples.
        """
        root = Path(folder)
        labels_file = Path(labels) if labels is not None else labels_beside(root)
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
        given = read_labels(labels_file)
        check_whole(root, [*files, labels_file])
        arrays = [load_array(file) for file in files]
        names = [unquote(file.stem) for file in files]
        kind, groups = kind_and_groups(root / SPLIT)
        how: dict[str, Any] = {"probabilities": probabilities, "outputs": outputs or kind}
        if given.ndim and any(array.ndim and len(array) < len(given) for array in arrays):
            split = selecting_rows(root / SPLIT, len(given))
            if split is not None:
                how["groups"] = None if groups is None else np.array(groups)[split]
                return cls._of_selected(root, arrays, given, split, names, samples, how)
        check_count(given, arrays, str(labels_file))
        bank = cls.from_arrays(arrays, given, names, **how, groups=groups)
        chosen = selecting_rows(root / SPLIT, len(given)) if samples == "selection" else None
        return bank if chosen is None else bank.take_samples(chosen)

    @classmethod
    def _of_selected(
        cls,
        root: Path,
        arrays: Sequence[np.ndarray],
        labels: np.ndarray,
        split: Int64[np.ndarray, " m"],
        names: Sequence[str],
        samples: Literal["selection", "all"],
        how: Mapping[str, Any],
    ) -> LogitBank:
        """The bank of a run's folder, whose arrays hold the samples that select; those of version 0.1 hold all."""
        if samples == "all":
            raise DataError(
                f"{root}: this run has logits on the samples that select alone; those that it holds back are run for "
                "its winner, and for what that is compared with. With a holdback of 0 all samples select."
            ).mended_by(samples="selection")
        chosen = [array[split] if len(array) == len(labels) else array for array in arrays]
        bank = cls.from_arrays(chosen, np.asarray(labels)[split], names, **how)
        bank._places = split if bank._samples is None else split[bank._samples[bank._rows]]
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
        if others and isinstance(first.kind, Tokens):
            raise DataError(
                f"{where} and {others[0][0]} each keep tokens of their own, so their outputs cannot be averaged; run "
                "all models together, or give logits of the whole vocabulary of all models in one folder"
            )
        for title, other in others:
            if other.kind != first.kind:
                raise DataError(f"{title} has outputs of {other.kind.name}, {where} of {first.kind.name}")
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
            return cls(names, read, first.labels, kind=first.kind, groups=first.groups)
        arrays = [array for bank in banks.values() for array in bank._arrays]
        about: dict[str, Any] = {"kind": first.kind, "groups": first._all_groups, "samples": first._samples}
        return cls(names, arrays, first._all_labels, first._rows, **about)

    def __len__(self) -> int:
        return len(self.names)

    def __repr__(self) -> str:
        rows = counted(self.n_samples, "sample" if self._samples is None else "position")
        noun, plural = ("class", "classes") if self.kind.softmax else ("output", "outputs")
        columns = counted(self.n_classes, noun, plural)
        return f"LogitBank({counted(len(self), 'ingredient')}, {rows}, {columns})"

    def _repr_html_(self) -> str:
        return table(repr(self), ("ingredient",), [(name,) for name in self.names])

    def read(self, i: int, start: int, stop: int) -> Float[np.ndarray, "rows C"]:
        """Rows `[start, stop)` of ingredient `i`, in the stored dtype and this machine's byte order; bfloat16 comes as
        float32."""
        array = self._arrays[i]
        return native(array[start:stop] if self._rows is None else array[self._rows[start:stop]])

    def logits(self, i: int) -> Float[np.ndarray, "M C"]:
        """The logits of ingredient `i` on all samples in view, as `read` gives them."""
        return self.read(i, 0, self.n_samples)

    def placed(self, places: Int64[np.ndarray, " M"]) -> LogitBank:
        """The same bank, told which rows of the data its own are, as numbers: banks of other rows are not joined."""
        told = self.take(np.arange(self.n_samples))
        told._places = places
        return told

    def take(self, rows: Int64[np.ndarray, " m"]) -> LogitBank:
        """A view of some rows, given by their indices in this bank; nothing is copied."""
        chosen = rows if self._rows is None else self._rows[rows]
        about: dict[str, Any] = {"kind": self.kind, "groups": self._all_groups, "samples": self._samples}
        taken = LogitBank(self.names, self._arrays, self._all_labels, chosen, **about)
        taken._places = rows if self._places is None else self._places[rows]
        return taken

    def take_samples(self, samples: Int64[np.ndarray, " m"]) -> LogitBank:
        """A view of the rows of some samples, given by their places in the data, in ascending order."""
        if self._samples is None:
            return self.take(samples)
        rows = np.arange(len(self._all_labels)) if self._rows is None else self._rows
        return self.take(np.flatnonzero(np.isin(self._samples[rows], samples)))


def row_groups(
    kind: Kind, labels: Shaped[np.ndarray, "M ..."], groups: Int64[np.ndarray, " M"] | None
) -> Int64[np.ndarray, " r"] | None:
    """The groups of the rows of some samples: a sample is one, unless it is told of which group it is."""
    rows = kind.rows(labels)
    if rows is None:
        return groups
    samples = rows // kind.entries
    return samples if groups is None else groups[samples]


def _same_rows(one: np.ndarray | None, other: np.ndarray | None) -> bool:
    return one is other or (one is not None and other is not None and np.array_equal(one, other))
