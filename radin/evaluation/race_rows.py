"""The rows that a race sees: it runs samples, in whole groups, and judges the rows that they hold.

A sample may be one row or hold many, its positions. Rows of one group depend on one another: those of a sample, or of
samples that belong together. So stages end between groups, and errors are those of sums over groups.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float64, Int64, Shaped

from radin.scoring.kinds import Kind
from radin.scoring.logit_bank import row_groups

#: Seeds the order apart from everything else that is drawn from the same split seed.
_ORDER = 11

#: Outputs of one ingredient on some samples, `[m, ...]`, as a pass gives them.
Given = Shaped[np.ndarray, "m ..."]


def race_order(
    labels: Shaped[np.ndarray, " m"], seed: int, groups: Int64[np.ndarray, " m"] | None = None
) -> Int64[np.ndarray, " m"]:
    """A random order of the samples in which every beginning is stratified: each has nearly its share of every class.

    The samples of a class lie at random, evenly spaced places. Groups follow one another whole, in random order, and
    then nothing is stratified.

    Arguments:
        labels: the samples' classes, or other strata.
        seed: the split seed; equal seeds give equal orders.
        groups: the group of each sample; None where each is one of its own.
    """
    rng = np.random.default_rng((seed, _ORDER))
    if groups is not None:
        found, numbers = np.unique(groups, return_inverse=True)
        return np.argsort(rng.permutation(len(found))[numbers.reshape(-1)], kind="stable")
    places = np.empty(len(labels))
    for one in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == one))
        places[rows] = (np.arange(len(rows)) + rng.random()) / len(rows)
    return np.argsort(places, kind="stable")


@dataclass(frozen=True)
class SeenRows:
    """The rows of some samples.

    Attributes:
        kind: of their outputs.
        labels: of the rows, as metrics take them.
        groups: the group of each row, numbered from 0 on; None where each is one of its own.
        places: of the rows among the entries of the samples; None where each sample is a row.
    """

    kind: Kind
    labels: Shaped[np.ndarray, "r ..."]
    groups: Int64[np.ndarray, " r"] | None
    places: Int64[np.ndarray, " r"] | None

    @classmethod
    def of(cls, kind: Kind, labels: Given, groups: Int64[np.ndarray, " m"] | None) -> SeenRows:
        """The rows of samples with these labels.

        Arguments:
            kind: of their outputs.
            labels: of the samples, as they are stored.
            groups: the group of each sample; None where each is one of its own.
        """
        places, scored, own = kind.rows(labels), kind.scored(labels), row_groups(kind, labels, groups)
        numbers = None if own is None else np.unique(own, return_inverse=True)[1].reshape(-1)
        return cls(kind, scored if places is None else scored.reshape(-1)[places], numbers, places)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self) if self.groups is None else int(self.groups.max(initial=-1)) + 1

    def outputs(self, given: Given, rows: Int64[np.ndarray, " h"] | None = None) -> Shaped[np.ndarray, "h c"]:
        """Outputs row by row, from those of the samples.

        Arguments:
            given: outputs of one ingredient on the samples.
            rows: some of the rows; by default all.
        """
        places = rows if self.places is None else self.places if rows is None else self.places[rows]
        by_entry = given if self.places is None else given.reshape(-1, given.shape[-1])
        return by_entry if places is None else by_entry[places]

    def standard_errors(self, differences: Float64[np.ndarray, "k r"]) -> Float64[np.ndarray, " k"]:
        """Standard errors of the means of some numbers over the rows, from their sums over groups.

        With `s_g` the sum of a group's deviations from the mean, it is `√(G/(G − 1) · Σ s_g²) / r`: the error of a
        ratio of two sums, which for groups of one is that of a mean.

        Arguments:
            differences: a number for each row.
        """
        r, g = len(self), self.n_groups
        if self.groups is None:
            return differences.std(axis=1, ddof=1) / math.sqrt(r)
        deviations = differences - differences.mean(axis=1, keepdims=True)
        sums = np.array([np.bincount(self.groups, weights=one, minlength=g) for one in deviations])
        return np.sqrt(g / (g - 1) * np.square(sums).sum(axis=1)) / r
