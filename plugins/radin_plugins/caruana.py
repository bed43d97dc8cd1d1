"""Ensemble selection with replacement (Caruana et al., ICML 2004): unequal weights from repeated choices."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from annotated_types import Ge

import radin


def caruana(
    problem: radin.Problem,
    *,
    rounds: Annotated[int, Ge(1), "ingredients to take, one a round, each as often as it helps most"] = 100,
    initial: Annotated[int, Ge(0), "start from one each of the best this many ingredients"] = 0,
) -> radin.Proposals:
    """Ensemble selection with replacement: each round takes the ingredient that helps most once more.

    Weights are counts by their sum. It goes on when the score falls, since later rounds may make up for it; the best
    recipe of all rounds is in the shortlist. Of equal ingredients the one of the better own score is taken, then pool
    order. A round costs n evaluations. `initial` is the paper's sorted initialisation (Caruana et al., 2004, section
    2.2), which guards against overfitting in the first rounds.
    """
    order = np.argsort(-problem.solo, kind="stable")
    counts = np.zeros(problem.n, dtype=np.int64)
    counts[order[:initial]] = 1
    for _ in range(rounds):
        scores = problem.additions(counts)
        counts[order[scores[order].argmax()]] += 1
    yield from ()  # a searcher is a generator; this one asks for all that it needs


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(caruana)
