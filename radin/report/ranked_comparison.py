"""The winner of a ranking against the best ingredient, on samples of the bank that selected nothing."""

from __future__ import annotations

import numpy as np

from radin.common.wording import counted
from radin.errors import InputError
from radin.recipe import Recipe
from radin.report.comparison import Comparison, estimate_of
from radin.scoring.averages import averaged
from radin.scoring.kinds import Tokens
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric
from radin.scoring.significance import paired_p_value, paired_test_name
from radin.tasks.split import split_rows


def split_bank(bank: LogitBank, holdback: float, seed: int) -> tuple[LogitBank, LogitBank]:
    """Views of the rows that select, and of those held back; drawn as a task draws its samples, groups whole.

    Arguments:
        bank: to split.
        holdback: share of the samples to hold back, above 0 and below 1.
        seed: draws them.

    Raises:
        InputError: the share is out of range, or so small or large that one part would be empty.
    """
    if not 0 < holdback < 1:
        raise InputError(f"holdback must be at least 0 and below 1, got {holdback!r}")
    selecting, held_back = split_rows(bank.kind.strata(bank.labels), holdback, seed, bank.groups)
    if not len(held_back) or not len(selecting):
        empty = "held back" if not len(held_back) else "left to select"
        raise InputError(
            f"holdback {holdback:g} of {counted(bank.n_samples, 'row')}: expected some rows in both parts, got none "
            f"{empty}; of each class one sample selects, so give another share, or more samples"
        )
    return bank.take(selecting), bank.take(held_back)


def compare_averages(winner: Recipe, single: Recipe, held_back: LogitBank, metric: Metric) -> Comparison:
    """Compares the averaged outputs of a recipe with the outputs of the best ingredient: interval and paired test.

    Arguments:
        winner: the recipe that leads on the rows that selected.
        single: the best ingredient on these.
        held_back: the other rows.
        metric: the metric.
    """
    labels, groups = held_back.labels, held_back.groups
    mine = metric.measure(averaged(winner, held_back), labels)
    other = metric.measure(averaged(single, held_back), labels)
    return Comparison(
        data="held-back",
        n_samples=len(labels) if groups is None else len(np.unique(groups)),
        unit="sample" if groups is None else "group",
        winner=estimate_of(metric, mine, labels, groups),
        ingredient=single.member_names[0],
        best_ingredient=estimate_of(metric, other, labels, groups),
        p_value=paired_p_value(metric, mine, other, labels, groups=groups),
        test=paired_test_name(metric, groups),
        higher_is_better=metric.higher_is_better,
    )


def loss_excess(bank: LogitBank, recipe: Recipe) -> float:
    """By how much the mean loss of averaged outputs may be too high, in nats; 0 where all outputs are kept.

    Of tokens the bank holds a part, see `radin.scoring.kinds.tokens`. The loss of a single ingredient is exact.
    """
    if not isinstance(bank.kind, Tokens) or recipe.size == 1:
        return 0.0
    return float(bank.kind.excess(averaged(recipe, bank)).mean())


def excess_text(excess: float) -> str:
    """A sentence about such an error of averaged logits; empty where there is none.

    Arguments:
        excess: the largest one, in nats.
    """
    if not excess:
        return ""
    return (
        f"The loss of averaged logits is too high by at most {excess:.2g} nats, since of each position the label and "
        "some other tokens are kept one by one, and the rest only in sum."
    )
