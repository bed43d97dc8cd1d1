"""Recognises networks whose classes have another order than the labels, or some of whose classes are exchanged.

Such a network is confident and consistent, and wrong. So the confusions between labels and predicted columns show which
column stands for which label. For all classes they are summed over the ingredients, and an assignment that is found on
one half of the samples has to hold on the other: ten columns can be matched to a handful of samples by chance. A few
classes among many cost too little to be seen that way: there each class of an exchange is asked on its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Int64

from radin.common.wording import enumerated
from radin.scoring.logit_bank import LogitBank
from radin.scoring.significance import exact_mcnemar

#: Share of the errors that another assignment of columns must take away. Two classes exchanged among ten account for
#: more, in networks that are right on nine samples of ten; untrained networks, whose outputs group the samples somehow,
#: for no more than 0.28 in 300 draws on the digits.
ERRORS = 0.5

#: Standard errors that the gain must exceed, for most of the ingredients on their own.
CERTAIN = 5.0

#: p-value of the sign test over the samples on which the two orders differ, below which some classes are exchanged.
#: It takes 21 samples that all speak for the exchange.
EXCHANGED = 1e-6

#: Mean share of each class that must be right once some are exchanged. Networks that know less confuse any classes.
KNOWN = 0.5


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
    return reordered(predictions(bank), bank.labels, bank.n_classes) if bank.kind.has_columns else None


def predictions(bank: LogitBank) -> Int64[np.ndarray, "n m"]:
    """The column that each ingredient predicts for each row."""
    return np.stack([bank.read(i, 0, bank.n_samples).argmax(axis=1) for i in range(len(bank))])


def reordered(
    predicted: Int64[np.ndarray, "n m"], labels: Int64[np.ndarray, " m"], n_classes: int
) -> Reordering | None:
    """The same from the predicted columns of `n` networks."""
    found, tested = (np.arange(len(labels)) % 2 == part for part in (0, 1))
    label_of = assignment(np.tile(labels[found], len(predicted)), predicted[:, found].ravel(), n_classes)
    right, would = (predicted == labels)[:, tested], (label_of[predicted] == labels)[:, tested]
    gained = (would.astype(np.int64) - right).sum(axis=1)
    errors = np.sqrt((would != right).sum(axis=1) + 1)
    overwhelming = gained.sum() > ERRORS * (~right).sum() and 2 * (gained > CERTAIN * errors).sum() > len(predicted)
    # Networks that predict one column alone fit any class that most of the samples have.
    before, after = (by_class(one, labels[tested]) for one in (right, would))
    if not (overwhelming and after - before > ERRORS * (1 - before)):
        return None
    return Reordering(label_of, float(right.mean()), float(would.mean()))


def by_class(right: Bool[np.ndarray, "... m"], labels: Int64[np.ndarray, " m"]) -> float:
    """The share of right predictions in each class that has samples, in the mean over these classes."""
    return float(np.mean([right[..., labels == label].mean() for label in np.unique(labels)]))


def exchanged(
    predicted: Int64[np.ndarray, " m"],
    labels: Int64[np.ndarray, " m"],
    n_classes: int,
    groups: Int64[np.ndarray, " m"] | None = None,
) -> Reordering | None:
    """The classes that one network surely takes for one another, among others that it knows; None if there are none.

    Each label of an exchange must lose more than half of its errors by it, and each column must stand for its new label
    in more than half of its predictions. `before` and `after` are about the samples of these labels alone.

    Arguments:
        predicted: the column that the network predicts for each row.
        labels: of the rows.
        n_classes: the number of columns.
        groups: the number of each row's group; rows of one group count once, as one piece of evidence.
    """
    best = assignment(labels, predicted, n_classes)
    right, would = predicted == labels, best[predicted] == labels
    if by_class(would, labels) <= KNOWN:
        return None
    label_of = np.arange(n_classes)
    for cycle in cycles(best):
        if all(_stands_for(column, best[column], predicted, labels) for column in cycle):
            gained = np.where(np.isin(predicted, cycle), would.astype(np.int64) - right, 0)
            if p_value(gained, groups) < EXCHANGED:
                label_of[cycle] = best[cycle]
    about = np.isin(labels, np.flatnonzero(label_of != np.arange(n_classes)))
    return Reordering(label_of, float(right[about].mean()), float(would[about].mean())) if about.any() else None


def _stands_for(
    column: int, label: np.int64, predicted: Int64[np.ndarray, " m"], labels: Int64[np.ndarray, " m"]
) -> bool:
    """Whether a column takes more than half of a label's errors away, and is mostly right for it."""
    own, chosen = labels == label, predicted == column
    taken, kept = int((own & chosen).sum()), int((own & (predicted == label)).sum())
    return taken - kept > ERRORS * (int(own.sum()) - kept) and 2 * taken > int(chosen.sum())


def p_value(gained: Int64[np.ndarray, " m"], groups: Int64[np.ndarray, " m"] | None) -> float:
    """The p-value of "gains and losses are equally likely", by the signs of rows, or of groups."""
    if groups is not None:
        gained = np.bincount(groups, weights=gained).astype(np.int64)
    return exact_mcnemar(int((gained > 0).sum()), int((gained < 0).sum()))


def cycles(label_of: Int64[np.ndarray, " C"]) -> list[list[int]]:
    """The groups of columns that exchange labels among one another, without the columns that keep their own."""
    left, found = dict.fromkeys(np.flatnonzero(label_of != np.arange(len(label_of))).tolist()), []
    while left:
        cycle, column = list[int](), next(iter(left))
        while column in left:
            del left[column]
            cycle.append(column)
            column = int(label_of[column])
        found.append(sorted(cycle))
    return found


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


def described(order: Reordering, names: Sequence[str] | None, shown: int = 3, *, test: str = "") -> str:
    """Describes in a sentence which column stands for which class.

    Arguments:
        order: the assignment.
        names: of the classes, in label order, if they are known.
        shown: the number of columns to list.
        test: a test set in words; empty for the selection data.
    """
    return (
        f"{f'On {test} the' if test else 'The'} outputs seem to stand for other classes than the labels: "
        f"{_pairs(order, names, shown)}. With {len(order.moved)} of "
        f"{len(order.label_of)} outputs in that order, {order.after:.1%} of the samples would be right, not "
        f"{order.before:.1%}. {_remedy(test)}"
    )


def described_exchange(
    order: Reordering,
    names: Sequence[str] | None,
    ingredient: str,
    shown: int = 4,
    *,
    test: str = "",
    several: bool = False,
) -> str:
    """Describes in a sentence which classes are exchanged.

    Arguments:
        order: the assignment, of `exchanged`; of `exchanged_columns` where there are several labels a sample.
        names: of the classes, in label order, if they are known.
        ingredient: the name of the network that shows it.
        shown: the number of columns to list.
        test: a test set in words; empty for the selection data.
        several: whether columns of several labels a sample are exchanged.
    """
    moved, where = order.moved, f"On {test} outputs" if test else "Outputs"
    which = enumerated([str(column) for column in moved]) if len(moved) <= shown else f"{moved[0]}, {moved[1]}, …"
    whose, one = "each other's" if len(moved) == 2 else "one another's", "label" if several else "class"
    found = f"{where} {which} seem to stand for {whose} {one}{'s' if several else 'es'}: "
    found += f"{_pairs(order, names, shown, one)}. In that order {ingredient} would "
    if several:
        area = f"a mean area under the ROC curve of {order.after:.2f} for these labels, not {order.before:.2f}"
        return f"{found}have {area}. Mend the order of the columns of the labels{f' of {test}' if test else ''}."
    right = f"right on {order.after:.1%} of the samples of these classes, not on {order.before:.1%}"
    return f"{found}be {right}. {_remedy(test)}"


def _pairs(order: Reordering, names: Sequence[str] | None, shown: int, one: str = "class") -> str:
    """The first of the columns that stand for other classes, with these."""

    def named(label: int) -> str:
        return f"{one} {label}" + (f" ({names[label]})" if names and label < len(names) else "")

    pairs = [f"output {column} for {named(int(order.label_of[column]))}" for column in order.moved[:shown]]
    return ", ".join(pairs) + (" and so on" if len(order.moved) > shown else "")


def _remedy(test: str) -> str:
    if test:
        return f"Mend the labels of {test}, which stand in another order than those that selected."
    return (
        "Mend the labels, or give the classes of the data in the order of the outputs: to a ready "
        "task as a file with one a line."
    )
