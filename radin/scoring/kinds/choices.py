"""Choices: each sample has alternatives of its own, one of which is right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import Int64

from radin.errors import DataError
from radin.scoring.kinds.base import Kept, Outputs, Raw
from radin.scoring.kinds.classes import Classes, check_classes, class_logits

if TYPE_CHECKING:
    import torch

#: Stands for the score of a choice that a sample does not have: so low that its probability is 0, and finite, so that
#: averages and differences are exact.
ABSENT = -1e6


class Choices(Classes):
    """Each sample has up to k choices, and the network gives a score for each; absent ones have −inf."""

    name = "choices"
    labels = "whole numbers [m]"
    gives = "scores [m, choices], −inf for absent ones,"
    metrics = "choices"
    metric = "accuracy"
    has_columns = False

    @property
    def key(self) -> tuple[Any, ...]:
        """The name."""
        return (self.name,)

    def outputs(self, given: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> torch.Tensor:
        """The scores, `ABSENT` in the place of −inf."""
        scores = class_logits(given, len(raw))
        absent = scores == -float("inf")
        check_classes(raw, absent.shape[1], "the network", places)
        self._refuse_absent_labels(absent, raw, places)
        return scores.float().masked_fill(absent, ABSENT)

    def _refuse_absent_labels(self, absent: torch.Tensor, raw: Raw, places: Int64[np.ndarray, " m"]) -> None:
        """Refuses labels of choices that their samples do not have."""
        import torch

        labels = torch.from_numpy(raw.astype(np.int64)).to(absent.device)
        wrong = absent.gather(1, labels[:, None])[:, 0].cpu().numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise DataError(
                f"the label of sample {places[row]} is choice {raw[row]}, for which the network gives -inf, the mark "
                "of a choice that the sample does not have"
            )

    def join(self, parts: Sequence[Outputs]) -> Outputs:
        """Batches one after the other, filled up to the largest number of choices."""
        return np.concatenate(parts if parts[0].ndim == 1 else self.alike(parts))

    def alike(self, networks: Sequence[Outputs]) -> Sequence[Outputs]:
        """Outputs of several networks, filled up to the largest number of choices."""
        width = max(one.shape[1] for one in networks)
        return [filled_up(one, width) for one in networks]

    def batches(self, given: Iterator[Outputs]) -> Iterator[Outputs]:
        """All batches as one: only the last may tell how many choices there are at most."""
        parts = list(given)
        yield from [self.join(parts)] if parts else []

    def check_outputs(self, outputs: Outputs, name: str, first: int = 0) -> None:
        """Refuses scores that are not finite, or so low that they could be taken for absent."""
        super().check_outputs(outputs, name, first)
        low = (outputs < ABSENT / 10) & (outputs != ABSENT)
        if low.any():
            sample = int(low.any(axis=1).argmax())
            raise DataError(
                f"{name}: a choice of sample {first + sample} has the score {outputs[sample].min():.4g}, which is "
                "taken for absent; absent ones have -inf, and others a logarithm of a probability"
            )

    def strata(self, kept: Kept) -> Int64[np.ndarray, " m"]:
        """All alike: choice 1 of one sample has nothing to do with that of another."""
        return np.zeros(len(kept), dtype=np.int64)

    def shuffled(self, outputs: Any, labels: Any, rng: np.random.Generator) -> Any:
        """A choice at random among those that each sample has."""
        present = np.asarray(outputs) > ABSENT / 10
        return (rng.random(present.shape) * present).argmax(axis=1).astype(np.int64)


def filled_up(scores: Outputs, width: int) -> Outputs:
    """Scores with absent choices up to a number of them."""
    missing = width - scores.shape[1]
    return np.pad(scores, ((0, 0), (0, missing)), constant_values=ABSENT) if missing > 0 else scores
