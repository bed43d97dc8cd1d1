"""Findings on test sets: labels in another order than the outputs, and scores at chance, though the selection is sound.

Only the winner's and the best ingredient's outputs there are looked at, which are stored by the time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from radin.common.wording import told_apart
from radin.recipe import Recipe
from radin.report.class_order import described, reordering
from radin.report.column_order import exchange_text
from radin.report.findings import ABOVE_CHANCE, AT_CHANCE, Finding
from radin.report.verified_soup import against_chance
from radin.scoring.logit_bank import LogitBank
from radin.scoring.metrics import Metric
from radin.scoring.significance import Z95, interval

if TYPE_CHECKING:
    from radin.evaluation.verifier import Verifier

#: Standard errors of the score on a test set by which it must be below what the selection data promise. Chosen by hand.
CLEAR = 5.0


def findings_on_tests(verifier: Verifier, winner: Recipe, single: Recipe, earlier: Sequence[Finding]) -> list[Finding]:
    """Finds what is wrong with the labels of each test set; nothing is run for it.

    Arguments:
        verifier: has run both on all test sets.
        winner: the recipe that leads on the selection data.
        single: the best ingredient on these.
        earlier: findings on the selection data. Where their classes have another order, that is to be mended first.
    """
    if not verifier.task.tests or any(one.kind in ("classes", "exchanged") for one in earlier):
        return []
    metric, n = verifier.task.scored_by, verifier.names.index(single.member_names[0])
    known = _known(verifier.bank, metric, n)
    found = []
    for name, rows in verifier.task.tests.items():
        recipes = dict.fromkeys([single, winner])
        outputs = [verifier.unseen_logits(recipe, name) for recipe in recipes]
        names = ("the best ingredient", "the winner")[: len(outputs)]
        arrays, labels = [logits for _, _, logits in outputs], outputs[0][1]
        bank = LogitBank(names, arrays, labels, kind=rows.kind, groups=verifier.unseen_groups(name))
        where = "the test set" if len(verifier.task.tests) == 1 else f"the test set {name}"
        found += findings_on_one(where, bank, metric, next(iter(rows.class_names), None), known)
    return found


def findings_on_one(
    where: str, bank: LogitBank, metric: Metric, class_names: Sequence[str] | None, known: tuple[float, float]
) -> list[Finding]:
    """Finds what is wrong with the labels of one test set.

    Arguments:
        where: the test set, in words.
        bank: logits of the best ingredient there, and of others.
        metric: scores them.
        class_names: in the order of the labels, if they are known.
        known: score of the best ingredient on the selection data, and how far that is above chance, if that is sure.
    """
    if (order := reordering(bank)) is not None:
        return [Finding("test", None, described(order, class_names, test=where))]
    if text := exchange_text(bank, class_names, test=where):
        return [Finding("test", None, text)]
    return _at_chance(where, bank, metric, known)


def _known(bank: LogitBank, metric: Metric, i: int) -> tuple[float, float]:
    """The score of an ingredient, and how far it is above chance; 0 where that is not sure."""
    versus = against_chance(bank, metric, i)
    sure = versus.tells and versus.deviations > ABOVE_CHANCE
    score = metric.score(bank.read(i, 0, bank.n_samples), bank.labels)
    return score, versus.score - versus.mean if sure else 0.0


def _at_chance(where: str, bank: LogitBank, metric: Metric, known: tuple[float, float]) -> list[Finding]:
    """Finds that the best ingredient is at chance, where what it knows of the selection data would surely be seen."""
    score, above = known
    versus = against_chance(bank, metric, 0)
    if not versus.tells or versus.deviations > AT_CHANCE:
        return []
    logits = bank.read(0, 0, bank.n_samples)
    low, high = interval(metric, metric.measure(logits, bank.labels), bank.labels, groups=bank.groups)
    error = max(versus.spread, (high - low) / (2 * Z95))
    if not above > max(versus.score - versus.mean, 0.0) + CLEAR * error:
        return []
    here = metric.score(logits, bank.labels)
    sign = 1 if metric.higher_is_better else -1
    there, own = told_apart(sign * score, sign * here)
    text = (
        f"On {where} {bank.names[0]} is no better than chance: it has {metric.name} {own} there, and {there} on the "
        "selection data. Check the labels, whether they stand in the order of the inputs, and how the inputs are "
        "prepared."
    )
    return [Finding("test", None, text)]
