"""Spent: what a run cost over all restarts, by kind."""

from __future__ import annotations

from dataclasses import dataclass

from radin.evaluation.verifier import Verifier
from radin.searching.ledger import Kind
from radin.searching.shortlist import Shortlist

#: Kinds of forward passes, which a kill may cut short.
FORWARD: tuple[Kind, ...] = ("pass", "stage", "soup", "baseline", "held-back", "test", "control", "reference")


@dataclass(frozen=True)
class Spent:
    """The cost of a run, over all restarts.

    Attributes:
        passes: ingredients that ran on all selecting rows, one forward pass each.
        soups: distinct real soups that this run was charged for.
        candidates: distinct recipes scored from averaged logits.
        test_passes: networks that were run over the test set, if there is one: winners, best ingredients, baselines.
        lost: evaluations that a kill or an interruption cut short, or whose results were damaged; they are repeated
            and count nowhere else.
        seconds_passes, seconds_search, seconds_soups: wall-clock time of each stage.
        statistics, statistics_samples: how often BatchNorm statistics were computed anew, and on how many samples in
            all; their time is part of the soups'.
        controls: passes of best ingredients with recomputed BatchNorm statistics, over the selecting rows, those that
            are held back, and test sets.
        notes: sentences about stored results that were damaged and are lost, or adopted from an earlier version.
        passes_worth: selecting rows that ingredients were run on, over the selecting rows of the data: what their
            passes cost in all, those of dropped ones included. Rows that this run's split holds back are no part of it.
        held_back, held_back_rows: networks that were run on rows that are held back, after a choice: winners, best
            ingredients, baselines; and these rows in all.
        baselines: networks that were run for baselines alone: soups, and ingredients that a race had dropped.
        references: passes of the uniform soup that chose which tokens are kept, over the data and each test set.
    """

    passes: int
    soups: int
    candidates: int
    test_passes: int
    lost: int
    seconds_passes: float
    seconds_search: float
    seconds_soups: float
    statistics: int = 0
    statistics_samples: int = 0
    controls: int = 0
    notes: tuple[str, ...] = ()
    passes_worth: float = 0.0
    held_back: int = 0
    held_back_rows: int = 0
    baselines: int = 0
    references: int = 0


def account(verifier: Verifier, shortlist: Shortlist, verified: Shortlist) -> Spent:
    """The cost of a run, after its last evaluation."""
    ledger = verifier.ledger
    held_back = len(verifier.held_back_rows) * verifier.in_full_before  # by a version that knew no difference
    rows = ledger.rows("pass") + ledger.rows("stage") - held_back
    return Spent(
        passes=len(ledger.labels("pass")),
        soups=verified.charged,
        candidates=shortlist.charged,
        test_passes=ledger.count("test"),
        lost=sum(ledger.count(kind, "lost") for kind in FORWARD),
        seconds_passes=ledger.seconds("pass") + ledger.seconds("stage"),
        seconds_search=shortlist.seconds,
        seconds_soups=verifier.seconds([candidate.recipe for candidate in verified]),
        statistics=ledger.count("statistics"),
        statistics_samples=ledger.rows("statistics"),
        controls=ledger.count("control"),
        notes=tuple(verifier.folder.notes),
        passes_worth=rows / len(verifier.selection_rows),
        held_back=len(ledger.labels("held-back")) if len(verifier.held_back_rows) else 0,
        held_back_rows=held_back + ledger.rows("held-back"),
        baselines=ledger.count("baseline"),
        references=ledger.count("reference"),
    )
