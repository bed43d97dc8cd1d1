"""Recognises networks whose classes have another order than the labels.

Such a network is confident and consistent, and wrong. So the confusions between labels and predicted columns, summed
over all ingredients, show which column stands for which label. An assignment that is found on one half of the samples
has to hold on the other: ten columns can be matched to a handful of samples by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int64

from radin.scoring.logit_bank import LogitBank

#: Share of the errors that another assignment of columns must take away. Two classes exchanged among ten account for
#: more, in networks that are right on nine samples of ten; untrained networks, whose outputs group the samples somehow,
#: for no more than 0.28 in 300 draws on the digits.
ERRORS = 0.5

#: Standard errors that the gain must exceed, for most of the ingredients on their own.
CERTAIN = 5.0


@dataclass(frozen=True)
class Reordering:
    """Another assignment of columns to labels under which the ingredients are right far more often.

    Attributes:
        label_of: the label that each column stands for, `int64[C]`, a permutation.
        before: accuracy of all ingredients together as the columns are, on the samples that found nothing.
        after: the same under this assignment.
    """

    label_of: Int64[np.ndarray, " C"]
    before: float
    after: float

    @property
    def moved(self) -> list[int]:
        """Columns that stand for another label than their own number."""
        return np.flatnonzero(self.label_of != np.arange(len(self.label_of))).tolist()


def reordering(bank: LogitBank) -> Reordering | None:
    """The assignment of columns to labels that would take most errors away; None if the columns are in order.

    Arguments:
        bank: logits of all ingredients.
    """
    if not bank.kind.has_columns:
        return None
    labels, m = bank.labels, bank.n_samples
    predictions = np.stack([bank.read(i, 0, m).argmax(axis=1) for i in range(len(bank))])
    found, tested = (np.arange(m) % 2 == part for part in (0, 1))
    label_of = assignment(np.tile(labels[found], len(bank)), predictions[:, found].ravel(), bank.n_classes)
    right, would = (predictions == labels)[:, tested], (label_of[predictions] == labels)[:, tested]
    gained = (would.astype(np.int64) - right).sum(axis=1)
    errors = np.sqrt((would != right).sum(axis=1) + 1)
    overwhelming = gained.sum() > ERRORS * (~right).sum() and 2 * (gained > CERTAIN * errors).sum() > len(bank)
    return Reordering(label_of, float(right.mean()), float(would.mean())) if overwhelming else None


def assignment(
    labels: Int64[np.ndarray, " m"], predictions: Int64[np.ndarray, " m"], n_classes: int
) -> Int64[np.ndarray, " C"]:
    """Assigns labels to columns, the most frequent pair first; columns and labels without samples keep their order.

    For outputs in another order this is the best assignment: the pairs that belong together are the frequent ones.
    """
    pairs, counts = np.unique(labels * n_classes + predictions, return_counts=True)
    label_of, free = np.full(n_classes, -1, dtype=np.int64), np.ones(n_classes, dtype=bool)
    for pair in pairs[np.argsort(-counts, kind="stable")].tolist():
        label, column = divmod(pair, n_classes)
        if free[label] and label_of[column] < 0:
            label_of[column], free[label] = label, False
    own = np.flatnonzero((label_of < 0) & free)
    label_of[own], free[own] = own, False
    label_of[label_of < 0] = np.flatnonzero(free)
    return label_of


def described(order: Reordering, names: Sequence[str] | None, shown: int = 3) -> str:
    """Describes in a sentence which column stands for which class.

    Arguments:
        order: the assignment.
        names: of the classes, in label order, if they are known.
        shown: the number of columns to list.
    """

    def named(label: int) -> str:
        return f"class {label}" + (f" ({names[label]})" if names and label < len(names) else "")

    moved = order.moved
    pairs = [f"output {column} for {named(int(order.label_of[column]))}" for column in moved[:shown]]
    more = " and so on" if len(moved) > shown else ""
    return (
        f"The outputs seem to stand for other classes than the labels: {', '.join(pairs)}{more}. With {len(moved)} of "
        f"{len(order.label_of)} outputs in that order, {order.after:.1%} of the samples would be right, not "
        f"{order.before:.1%}. Mend the labels, or give the classes of the data in the order of the outputs: to a ready "
        "task as a file with one a line."
    )
