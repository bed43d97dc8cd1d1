"""Recognises columns of several labels a sample that stand in another order than the labels.

A column tells a sample's label from its logit alone, so the area under the ROC curve of each column for each label says
which column knows which label. It is blind to scale and bias, which a network that knows nothing may have right.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float64, Int64, Num

from radin.report.class_order import (
    ERRORS,
    EXCHANGED,
    Reordering,
    cycles,
    described_exchange,
    exchanged,
    p_value,
    predictions,
)
from radin.scoring.kinds import SeveralLabels
from radin.scoring.logit_bank import LogitBank

#: Mean area of all labels, once some columns are exchanged, that shows that the network knows them.
KNOWN_AREA = 0.75


def exchange_text(bank: LogitBank, names: Sequence[str] | None, *, test: str = "") -> str | None:
    """Says that some classes, or labels, are exchanged, by the ingredient that is best as they are; None if none are.

    Arguments:
        bank: logits of all ingredients.
        names: of the classes, in label order, if they are known.
        test: a test set in words; empty for the selection data.
    """
    several = isinstance(bank.kind, SeveralLabels)
    if several:
        best = int(np.argmax([_mean_area(bank.logits(i), bank.labels) for i in range(len(bank))]))
        order = exchanged_columns(bank.logits(best), bank.labels, bank.groups)
    elif bank.kind.has_columns:
        predicted = predictions(bank)
        best = int((predicted == bank.labels).sum(axis=1).argmax())
        order = exchanged(predicted[best], bank.labels, bank.n_classes, bank.groups)
    else:
        return None
    return None if order is None else described_exchange(order, names, bank.names[best], test=test, several=several)


def _mean_area(logits: Num[np.ndarray, "m L"], labels: Int64[np.ndarray, "m L"]) -> float:
    """The mean area of the columns for their own labels, of those labels that are true of some samples, not of all."""
    told = np.flatnonzero((labels.min(axis=0) == 0) & (labels.max(axis=0) == 1))
    return float(np.diag(areas(logits[:, told], labels[:, told])).mean()) if len(told) else 0.0


def exchanged_columns(
    logits: Num[np.ndarray, "m L"], labels: Int64[np.ndarray, "m L"], groups: Int64[np.ndarray, " m"] | None = None
) -> Reordering | None:
    """The columns of one network that surely stand for one another's labels; None if there are none.

    Each label of an exchange must lose more than half of what its area lacks to 1. For the sign test over samples, each
    column says that a label is true of as many samples as it is. `before` and `after` are the mean areas of the labels.

    Arguments:
        logits: one for each label.
        labels: 0 or 1.
        groups: the number of each row's group; rows of one group count once, as one piece of evidence.
    """
    told = np.flatnonzero((labels.min(axis=0) == 0) & (labels.max(axis=0) == 1))
    area = areas(logits[:, told], labels[:, told])
    best, own = _matched(area), np.diag(area)
    would = area[best, np.arange(len(told))]  # of each column for the label that it may stand for
    if not len(told) or would.mean() <= KNOWN_AREA:
        return None
    label_of = np.arange(labels.shape[1])
    moved = list[int]()
    for cycle in cycles(best):
        clear = all(1 - would[column] < ERRORS * (1 - own[best[column]]) for column in cycle)
        if clear and p_value(_gained(logits[:, told], labels[:, told], cycle, best), groups) < EXCHANGED:
            label_of[told[cycle]] = told[best[cycle]]
            moved += cycle
    return Reordering(label_of, float(own[moved].mean()), float(would[moved].mean())) if moved else None


def areas(logits: Num[np.ndarray, "m L"], labels: Int64[np.ndarray, "m L"]) -> Float64[np.ndarray, "L L"]:
    """The area under the ROC curve of each column (second axis) for each label (first axis)."""
    ranks = np.stack([_ranks(column) for column in logits.T], axis=1) if logits.size else np.zeros(logits.shape)
    true = labels.sum(axis=0)[:, None].astype(np.float64)
    return np.asarray((labels.T.astype(np.float64) @ ranks - true * (true + 1) / 2) / (true * (len(labels) - true)))


def _ranks(column: Num[np.ndarray, " m"]) -> Float64[np.ndarray, " m"]:
    """Ranks from 1 on; equal numbers share their mean rank."""
    _, place, counts = np.unique(column, return_inverse=True, return_counts=True)
    return np.asarray((counts.cumsum() - (counts - 1) / 2)[place.reshape(-1)])


def _matched(area: Float64[np.ndarray, "L L"]) -> Int64[np.ndarray, " L"]:
    """The label of each column, the largest area first."""
    label_of, free = np.full(len(area), -1, dtype=np.int64), np.ones(len(area), dtype=bool)
    for pair in np.argsort(-area, axis=None, kind="stable").tolist():
        label, column = divmod(pair, len(area))
        if free[label] and label_of[column] < 0:
            label_of[column], free[label] = label, False
    return label_of


def _gained(
    logits: Num[np.ndarray, "m L"],
    labels: Int64[np.ndarray, "m L"],
    cycle: list[int],
    label_of: Int64[np.ndarray, " L"],
) -> Int64[np.ndarray, " m"]:
    """Labels of each sample that are right under an exchange, minus those that are right as the columns are."""
    gained = np.zeros(len(labels), dtype=np.int64)
    for column in cycle:
        label = int(label_of[column])
        would, right = (
            _said(logits[:, one], int(labels[:, label].sum())) == labels[:, label] for one in (column, label)
        )
        gained += would.astype(np.int64) - right
    return gained


def _said(column: Num[np.ndarray, " m"], true: int) -> Int64[np.ndarray, " m"]:
    """1 for the samples with the largest logits, as many as the label is true of."""
    said = np.zeros(len(column), dtype=np.int64)
    said[np.argsort(-column, kind="stable")[:true]] = 1
    return said
