"""The base class of scorers: scores of recipes by one metric, from the kernels of a bank, without the prior."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Generic, TypeVar

import numpy as np
from jaxtyping import Bool, Float64, Int64

from radin.recipe import subset_rows
from radin.scoring.metrics import Metric
from radin.scoring.moves import Moves, singles
from radin.scoring.objective import Proposal
from radin.scoring.surrogate.kernels import Kernels

M = TypeVar("M", bound=Metric)


class Scorer(ABC, Generic[M]):
    """Scores recipes by one metric, higher is better.

    Arguments:
        metric: the metric.
        kernels: the kernels of the bank.
    """

    def __init__(self, metric: M, kernels: Kernels) -> None:
        self.metric = metric
        self.kernels = kernels

    @property
    def bound(self) -> float:
        """Largest error of a score against real arithmetic, beyond the rounding of float64."""
        return 0.0

    @abstractmethod
    def scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores of masks or mixing weights."""

    def exact_scores(self, proposals: Proposal) -> Float64[np.ndarray, " k"]:
        """Scores with the smallest available error."""
        return self.scores(proposals)

    def singles(self) -> Float64[np.ndarray, " n"]:
        """Scores of the ingredients by themselves."""
        return singles(len(self.kernels.bank)).scored(self.scores)

    def neighbours(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of moves: `mask` with ingredient `i` added or removed, for all `i` for which that is a recipe."""
        return moves.scored(self.scores)

    def swaps(self, mask: Bool[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " k"]:
        """Scores of moves: `mask` with one member exchanged, ordered as `radin.scoring.moves.swaps` does."""
        return moves.scored(self.scores)

    def additions(self, counts: Int64[np.ndarray, " n"], moves: Moves) -> Float64[np.ndarray, " n"]:
        """Scores of moves: the recipes which take ingredient `i` once more than `counts` says."""
        return moves.scored(self.scores)

    def subset_range(self, start: int, masks: Bool[np.ndarray, "k n"]) -> Float64[np.ndarray, " k"]:
        """Scores of the subsets `masks`, which are numbered from `start` on."""
        return self.scores(masks)


def steps_of(mask: Bool[np.ndarray, " n"], moved: Bool[np.ndarray, "k n"]) -> Int64[np.ndarray, "k 2"]:
    """The ingredient that leaves in each move from a subset, and the one that comes in; −1 for none."""
    parts = (mask & ~moved, moved & ~mask)
    return np.stack([np.where(one.any(axis=1), one.argmax(axis=1), -1) for one in parts], axis=1)


def coefficients_of(proposals: Proposal) -> Float64[np.ndarray, "k n"]:
    """Proposals as summation coefficients: 1 for each member of a subset, whether it came as a mask or as weights; else
    the weights."""
    if proposals.dtype == np.bool_:
        return proposals.astype(np.float64)
    return np.where(subset_rows(proposals)[:, None], (proposals > 0).astype(np.float64), proposals)
