"""Tokens: at each position one token of a large vocabulary is right, and of the logits few are kept.

Of a position are kept the logit of the label, those of `k` other tokens, and the logarithm of the sum `R` of
the exponentials of all others. The k tokens are the same for all networks: the largest of one *reference*. So the loss
of each network is exact, and that of averaged logits is bounded: with mixing weights w, by Hölder's inequality,

    0 ≤ Σ_rest exp(Σᵢ wᵢ Lᵢ(c)) ≤ Π Rᵢ^wᵢ,

which is the exponential of the averaged last column. The kept numbers are therefore logits of `k + 2` classes, of which
the first is right, and their loss is at most `excess` too high.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from radin.errors import DataError, InputError, NonFiniteError
from radin.scoring.kinds.base import DIVERGED, Kept, Outputs, Raw, first_not_finite
from radin.scoring.kinds.choices import ABSENT
from radin.scoring.kinds.classes import IGNORED
from radin.scoring.kinds.positions import Positions

if TYPE_CHECKING:
    import torch

#: Tokens that are kept of a position beside the label, where no other number is asked for. Chosen by hand;
#: `benchmarks.studies.kinds` compares it with others.
ALTERNATIVES = 64

#: For each sample and position the tokens that are kept beside the label.
Chosen = Shaped[np.ndarray, "samples width k"]


@dataclass(frozen=True)
class Tokens(Positions):
    """Each sample has a token at many positions. A row is a position with a label, and the sample is its group.

    Arguments:
        alternatives: tokens that are kept of a position beside the label; fewer, if the vocabulary has no more.
        chosen: these tokens, `int32[samples, width, k]`; None takes the largest of each network itself, which is no
            bank, as the networks' columns then stand for other tokens.
        samples: places in the data of the samples that `chosen` is about, ascending; None for all.
    """

    alternatives: int = ALTERNATIVES
    chosen: Chosen | None = field(default=None, compare=False, repr=False)
    samples: Int64[np.ndarray, " s"] | None = field(default=None, compare=False, repr=False)

    name = "tokens"
    gives = "logits [m, ..., vocabulary] or [m, vocabulary, ...]"
    metrics = "tokens"
    metric = "nll"
    has_columns = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.alternatives < 1:
            raise InputError(f"alternatives must be at least 1 a position, got {self.alternatives!r}")

    @property
    def key(self) -> tuple[Any, ...]:
        """The name, which positions are taken, and the number of alternatives."""
        return (*super().key, self.alternatives)

    @property
    def choosing(self) -> Choosing:
        """The kind by which the reference is run: its outputs are the alternatives themselves."""
        return Choosing(**{one.name: getattr(self, one.name) for one in fields(self)})

    def fixed(self, chosen: Chosen) -> Tokens:
        """The same with the alternatives that a reference chose on all samples."""
        return replace(self, chosen=chosen, samples=None)

    def part(self, samples: Int64[np.ndarray, " s"]) -> Tokens:
        """The same with the alternatives of some samples alone, given by their places, ascending."""
        return self if self.chosen is None else replace(self, chosen=self._chosen_of(samples), samples=samples)

    def _chosen_of(self, samples: Int64[np.ndarray, " m"]) -> Chosen | None:
        if self.chosen is None:
            return None
        return np.asarray(self.chosen[samples if self.samples is None else np.searchsorted(self.samples, samples)])

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """Label, alternatives and the logarithm of the rest, `[m, width, k + 2]`."""
        import torch

        self.check_floating(given)
        by_place = self._classes_last(given, raw)
        vocabulary = by_place.shape[2]
        labels, taken, chosen = self.keep(raw, "data", places), self.places(raw, places), self._chosen_of(places)
        if len(labels) and labels.max() >= vocabulary:
            sample = int(labels.max(axis=1).argmax())
            raise DataError(
                f"label {labels.max()} of sample {places[sample]} is out of range: the network gives logits of "
                f"{vocabulary} tokens, so labels must be between 0 and {vocabulary - 1}"
            )
        k = min(self.alternatives, vocabulary - 1)
        kept = torch.zeros(len(raw), self.width, self.columns(k), device=given.device)
        for i in range(len(raw)):  # one sample at a time: all positions of a batch are too much memory
            n = int((taken[i] >= 0).sum())
            logits = by_place[i].index_select(0, _on(given, taken[i, :n])).float()
            others = None if chosen is None else _on(given, chosen[i, :n].astype(np.int64))
            kept[i, :n] = self.reduced(logits, _on(given, labels[i, :n])[:, None], others, k)
        return kept

    def columns(self, k: int) -> int:
        """Numbers that are kept of a position."""
        return k + 2

    def reduced(self, logits: torch.Tensor, labels: torch.Tensor, others: torch.Tensor | None, k: int) -> torch.Tensor:
        """The numbers that are kept of some positions, `[n, k + 2]`, from all their logits.

        Arguments:
            logits: float32 `[n, vocabulary]`.
            labels: int64 `[n, 1]`.
            others: the alternatives, int64 `[n, k]`; None for the largest of these logits.
            k: how many there are.
        """
        import torch

        own = logits.gather(1, labels)
        rest = logits.scatter(1, labels, -float("inf"))
        index = rest.topk(k).indices if others is None else others
        parts = torch.cat([rest.gather(1, index), rest.scatter_(1, index, -float("inf")).logsumexp(1, True)], dim=1)
        return torch.cat([own, parts.masked_fill(parts == -float("inf"), ABSENT)], dim=1)

    def scored(self, kept: Kept) -> Kept:
        """The first class for each position: the label's logit stands first."""
        return np.where(np.asarray(kept) == IGNORED, IGNORED, 0)

    def check_labels(self, kept: Kept, outputs_shape: Sequence[int], name: str) -> None:
        """Refuses no labels at all; those beyond the vocabulary are refused with the outputs."""
        if not len(kept):
            raise DataError("expected at least one labelled sample, got no data")

    def check_outputs(self, outputs: Outputs, name: str, first: int = 0) -> None:
        """Refuses outputs that are not finite."""
        sample = first_not_finite(outputs)
        if sample is not None:
            where = f"{name}: its logits for sample {first + sample} are not finite"
            if np.isneginf(outputs[..., 0]).any():
                raise NonFiniteError(
                    f"{where}: the label of a position has -inf, so its loss is infinite; leave such positions out by "
                    f"the label {self.ignored}, or do not mask tokens that occur"
                )
            raise NonFiniteError(f"{where} {DIVERGED}")

    def shuffled(self, outputs: Any, labels: Any, rng: np.random.Generator) -> Any:
        """The labels as they are: other tokens than those that are kept cannot be compared with."""
        return labels

    def excess(self, outputs: Any) -> Float64[np.ndarray, " r"]:
        """By how much the loss of each row of averaged outputs may be too high, in nats.

        Arguments:
            outputs: the average of two networks or more, `[r, k + 2]`; the loss of a single one is exact.
        """
        z = np.asarray(outputs, dtype=np.float64)
        return np.asarray(np.logaddexp.reduce(z, axis=1) - np.logaddexp.reduce(z[:, :-1], axis=1))


class Choosing(Tokens):
    """Tokens whose outputs are the alternatives of each position, as numbers: those of the reference."""

    def columns(self, k: int) -> int:
        """Numbers that are kept of a position."""
        return k

    def reduced(self, logits: torch.Tensor, labels: torch.Tensor, others: torch.Tensor | None, k: int) -> torch.Tensor:
        """The tokens with the largest logits beside the label; NaN at a position where a logit is."""
        best = logits.scatter(1, labels, -float("inf")).topk(k).indices.float()  # exact up to 2²⁴ tokens
        return best.masked_fill(logits.isnan().any(1, True), float("nan"))


def _on(like: torch.Tensor, array: np.ndarray) -> torch.Tensor:
    import torch

    return torch.from_numpy(array).to(like.device)
