"""The base class of kinds of outputs.

Everything else in radin is the same for all kinds: outputs are collected, averaged and scored row by row. A kind says
how labels are read, how the outputs of a network for some samples become numbers that are kept, and how both become
rows. A *row* is what a metric counts: a sample, or a position in one. Rows that depend on one another are a *group*.

Labels are *raw* as the data give them, and *kept* as they are scored and stored; only positions tell the two apart.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from radin.errors import NonFiniteError, TaskError

if TYPE_CHECKING:
    import torch

#: Labels of some samples, as the data give them.
Raw = Shaped[np.ndarray, "..."]

#: Labels of some samples, as they are scored and stored.
Kept = Shaped[np.ndarray, "_m ..."]

#: Outputs of a network on some samples, as they are stored.
Outputs = Shaped[np.ndarray, "_m ..."]

#: The remedy for outputs of most other shapes.
FORWARD = "pass forward=(network, inputs) -> outputs if the network returns something else"

#: The cause of outputs that are not finite, and the remedy.
DIVERGED = (
    "(NaN or infinite); this model has diverged or overflows in this precision; leave it out, or evaluate it in float32"
)


class Kind(ABC):
    """A kind of outputs.

    Attributes:
        name: what `outputs=` calls it.
        labels: the labels, in words.
        gives: what a network gives for `m` samples, in words.
        metrics: the family of metrics that apply, see `radin.scoring.metrics.names`.
        metric: the name of the metric that is used where none is named.
        loss: what `losses` computes, in words.
        softmax: whether a row's outputs are logits of alternatives, so that a constant added to all changes nothing.
        has_columns: whether column `c` stands for class `c` in every row, so that columns in another order can be told.
    """

    name: ClassVar[str]
    labels: ClassVar[str]
    gives: ClassVar[str]
    metrics: ClassVar[str]
    metric: ClassVar[str]
    loss: ClassVar[str] = "negative log-likelihood"
    softmax: ClassVar[bool] = True
    has_columns: ClassVar[bool] = True

    @property
    def key(self) -> tuple[Any, ...]:
        """Settings that stored outputs depend on beside data and network; empty for those of classes."""
        return (self.name,)

    @abstractmethod
    def keep(self, raw: Raw, what: str, places: Int64[np.ndarray, " m"]) -> Kept:
        """The labels of some samples, checked.

        Arguments:
            raw: as the data give them.
            what: how error messages call the data.
            places: of the samples in their data.

        Raises:
            DataError: they are labels of another kind, or out of range.
        """

    @abstractmethod
    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The part of a network's outputs that is stored, `[m, ...]`, on the same device.

        Arguments:
            given: a tensor that the network returned.
            raw: labels of these samples.
            places: of the samples in their data.

        Raises:
            TaskError: a shape or dtype of another kind.
        """

    def part(self, samples: Int64[np.ndarray, " s"]) -> Kind:
        """The same with all that it needs for some samples alone, given by their places in the data, ascending."""
        return self

    def join(self, parts: Sequence[Outputs]) -> Outputs:
        """Outputs or labels of batches that follow one another."""
        return np.concatenate(parts)

    def alike(self, networks: Sequence[Outputs]) -> Sequence[Outputs]:
        """Outputs of several networks on the same samples, all of one shape."""
        return networks

    def batches(self, given: Iterator[Outputs]) -> Iterator[Outputs]:
        """Batches of outputs as they can be written one after the other, all of one shape."""
        return given

    @abstractmethod
    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses labels that a network has no output for.

        Arguments:
            kept: labels of all samples, or some.
            outputs_shape: of the outputs for one sample.
            name: of the network.

        Raises:
            DataError: says which label.
        """

    def check_outputs(self, outputs: Outputs, name: str, first: int = 0) -> None:
        """Refuses outputs that are not finite.

        Raises:
            DataError: names the network and the sample.
        """
        sample = first_not_finite(outputs)
        if sample is not None:
            raise NonFiniteError(f"{name}: its outputs for sample {first + sample} are not finite {DIVERGED}")

    def strata(self, kept: Kept) -> Int64[np.ndarray, " m"]:
        """A number for each sample; a split takes its share of the samples of each number."""
        return np.zeros(len(kept), dtype=np.int64)

    def rows(self, kept: Kept) -> Int64[np.ndarray, " r"] | None:
        """Places of the rows among the samples' entries, all samples one after the other; None where each is a row."""
        return None

    @property
    def entries(self) -> int:
        """Entries of a sample of which `rows` speaks."""
        return 1

    def scored(self, kept: Kept) -> Kept:
        """Labels as metrics take them, of the same shape."""
        return kept

    @abstractmethod
    def losses(self, outputs: Any, labels: Any) -> Float64[np.ndarray, " r"]:
        """A smooth loss of each row, which decides between equal scores."""

    def shuffled(self, outputs: Any, labels: Any, rng: np.random.Generator) -> Any:
        """The labels of the rows in an order that has nothing to do with the outputs."""
        return rng.permutation(labels)

    def refused(self, shape: Sequence[int], samples: int, why: str = "") -> TaskError:
        """The error about outputs of another shape."""
        reason = f" {why}" if why else ""
        return TaskError(
            f"expected {self.gives} from the network for {samples} samples, as the labels are {self.labels} "
            f"({self.name}), got shape {list(shape)}.{reason} Name another kind by outputs=, or {FORWARD}"
        )

    def check_floating(self, given: torch.Tensor) -> None:
        """Refuses outputs that are whole numbers."""
        if not given.is_floating_point():
            kind = str(given.dtype).removeprefix("torch.")
            raise TaskError(
                f"expected {self.gives} from the network, got {kind} numbers. Outputs are taken before argmax or "
                f"rounding; {FORWARD}"
            )


def first_not_finite(outputs: Outputs) -> int | None:
    """The first sample with an output that is NaN or infinite; None where all outputs are finite."""
    finite = np.isfinite(outputs)
    return None if finite.all() else int((~finite).reshape(len(outputs), -1).any(axis=1).argmax())
