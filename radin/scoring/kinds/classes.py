"""One class a sample: a logit for each class, or one logit for the second of two classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64

from radin.errors import DataError, NonFiniteError, TaskError
from radin.scoring.kinds.base import DIVERGED, FORWARD, Kept, Kind, Outputs, Raw, first_not_finite
from radin.scoring.likelihood import losses

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

#: The label that PyTorch's losses leave out by default.
IGNORED = -100


class Classes(Kind):
    """Each sample has one class, and the network gives a logit for each class."""

    name = "classes"
    labels = "whole numbers [m]"
    gives = "logits [m, classes]"
    metrics = "classes"
    metric = "accuracy"

    @property
    def key(self) -> tuple[Any, ...]:
        """Nothing: folders of classes know no other kind."""
        return ()

    def keep(self, raw: Raw, what: str, places: Int64[np.ndarray, " m"]) -> Kept:
        """The classes, `int64[m]`."""
        if raw.ndim != 1 or raw.dtype.kind not in "iu":
            remedy = "; make them integers: labels.long()" if raw.ndim == 1 else ""
            raise DataError(f"{what}: expected labels of {self.name}, {self.labels}, got {_described(raw)}{remedy}")
        bad = raw < 0 if raw.dtype.kind == "i" else np.zeros(len(raw), dtype=bool)
        if bad.any():
            row = int(bad.argmax())
            reason = (
                "PyTorch's losses ignore it, but each sample has to have a class: leave out the samples without a label"
                if raw[row] == IGNORED
                else "classes are numbered from 0 on; leave out the samples without a label"
            )
            raise DataError(
                f"{what}: expected one integer label per sample, got {raw[row]} as the label of sample "
                f"{places[row]}: {reason}"
            )
        return raw.astype(np.int64)

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The logits; one number a sample is the logit of class 1 where labels are 0 and 1."""
        shape = list(given.shape)
        if shape in ([len(raw)], [len(raw), 1]) and given.is_floating_point():
            if len(raw) and int(raw.max()) > 1:
                raise TaskError(
                    f"expected logits of shape [{len(raw)}, classes] from the network, got shape {shape}, one number "
                    f"a sample, but there is a label {int(raw.max())}. One number can tell the classes 0 and 1 apart; "
                    f"{FORWARD}, or give values as floating-point labels"
                )
            return two_logits(given)
        return class_logits(given, len(raw))

    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses an empty set of labels, and labels outside `[0, C)`."""
        check_classes(kept, outputs_shape[-1], name)

    def check_outputs(self, outputs: Outputs, name: str, first: int = 0) -> None:
        """Refuses logits that are not finite."""
        row = first_not_finite(outputs)
        if row is None:
            return
        wrong = ~np.isfinite(outputs[row])
        where = f"{name}: its logits for sample {first + row} are not finite"
        if np.isneginf(outputs[row][wrong]).all():
            masked = int(np.argwhere(wrong)[0, -1])
            raise NonFiniteError(
                f"{where}: class {masked} has -inf, the logarithm of a probability of 0 or "
                "the mark of a class that is masked; one such ingredient would rule the class out for every "
                "average, so write a large finite number, such as -100, in its place. Where samples have choices "
                "of different numbers, -inf marks those that are absent."
            ).mended_by(outputs="choices")
        raise NonFiniteError(f"{where} {DIVERGED}")

    def strata(self, kept: Kept) -> Int64[np.ndarray, " m"]:
        """The classes."""
        return np.asarray(kept)

    def losses(self, outputs: Any, labels: Any) -> Float64[np.ndarray, " r"]:
        """Negative log-likelihoods."""
        return losses(outputs, labels)


class OneLogit(Classes):
    """Each sample is of class 0 or 1, and the network gives the logit of class 1."""

    name = "one-logit"
    labels = "0 or 1 [m]"
    gives = "one logit a sample, [m] or [m, 1],"

    @property
    def key(self) -> tuple[Any, ...]:
        """Nothing: what is stored are the logits of two classes."""
        return ()

    def keep(self, raw: Raw, what: str, places: Int64[np.ndarray, " m"]) -> Kept:
        """The classes, `int64[m]`."""
        column = raw[:, 0] if raw.ndim == 2 and raw.shape[1] == 1 else raw
        if column.ndim != 1 or column.dtype.kind not in "biuf":
            raise DataError(f"{what}: expected labels of {self.name}, {self.labels}, got {_described(raw)}")
        bad = ~np.isin(column, (0, 1))
        if bad.any():
            row = int(bad.argmax())
            raise DataError(
                f"{what}: expected labels of {self.name}, {self.labels}, got {column[row]} as the label of sample "
                f"{places[row]}"
            )
        return column.astype(np.int64)

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The logits of two classes, 0 and the network's."""
        if list(given.shape) not in ([len(raw)], [len(raw), 1]):
            raise self.refused(given.shape, len(raw))
        self.check_floating(given)
        return two_logits(given)


CLASSES = Classes()


def two_logits(given: torch.Tensor) -> torch.Tensor:
    """Logits `(0, z)` of two classes, from that of the second."""
    column = given.reshape(-1, 1)
    return column.new_zeros(len(column), 2).index_copy_(1, _one(column), column)


def _one(column: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.ones(1, dtype=torch.long, device=column.device)


def class_logits(given: torch.Tensor, samples: int) -> torch.Tensor:
    """Logits `[m, C]`, validated.

    Raises:
        TaskError: it is something else; says what, and the remedy.
    """
    shape, wanted = list(given.shape), f"expected logits of shape [{samples}, classes] from the network, got"
    if given.ndim > 2 and len(given) == samples:
        raise TaskError(
            f"{wanted} shape {shape}: outputs at several positions of a sample, tokens or pixels, say. The labels are "
            f"one class a sample, so reduce them, or give a label for each position; {FORWARD}"
        )
    if given.ndim != 2 or len(given) != samples:
        raise TaskError(f"{wanted} shape {shape}; {FORWARD}")
    if not given.is_floating_point():
        kind = str(given.dtype).removeprefix("torch.")
        raise TaskError(f"{wanted} {kind} numbers of that shape. Logits are taken before argmax or rounding; {FORWARD}")
    if shape[1] == 0:
        raise TaskError(f"{wanted} shape {shape}, without a class; {FORWARD}")
    return given


def check_classes(labels: Any, n_classes: int, name: str, places: Int64[np.ndarray, " m"] | None = None) -> None:
    """Refuses an empty set of labels, and labels outside `[0, C)`.

    Arguments:
        labels: of some samples.
        n_classes: C.
        name: of the network.
        places: of the samples in their data; by default they are all of the data.
    """
    if len(labels) == 0:
        raise DataError("expected at least one labelled sample, got no data")
    bad = (labels < 0) | (labels >= n_classes)
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"label {labels[row]} of sample {row if places is None else places[row]} is out of range: {name} gives "
            f"{n_classes} classes, so labels must be between 0 and {n_classes - 1}; do yours start at 1?"
        )


def _described(raw: Raw) -> str:
    return f"{raw.dtype} of shape {list(raw.shape)}"
