"""Backward elimination: from a soup of everything, what harms goes out."""

from __future__ import annotations

from typing import Annotated, Literal

import numpy as np

import radin


def backward(
    problem: radin.Problem,
    *,
    order: Annotated[
        Literal["steepest", "worst-first"],
        "take out what helps most, or go from the worst ingredient to the best and take out whatever helps",
    ] = "steepest",
) -> radin.Proposals:
    """Backward elimination: begins with everything and takes ingredients out for as long as that helps.

    It stops at a soup, of two or more, from which nothing can be taken out with a gain. A step of `steepest` costs as
    many evaluations as the soup has members. `worst-first` goes through the ingredients in ascending own score, in
    rounds of at most n evaluations each, until a round takes nothing out: the pruned soup of Dansereau et al. (2023,
    arXiv 2301.10092), which is affordable on real soups. Equal ingredients go in pool order, the last first.
    """
    soup = np.ones(problem.n, dtype=bool)
    (score,) = yield soup[None]
    if order == "worst-first":
        rising = np.argsort(-problem.solo, kind="stable")[::-1]
        size = problem.n + 1
        while soup.sum() < size:
            size = soup.sum()
            for ingredient in rising[soup[rising]]:
                if soup.sum() > 2:
                    trial = soup & (np.arange(problem.n) != ingredient)
                    (new,) = yield trial[None]
                    if new > score:
                        soup, score = trial, new
        return
    while soup.sum() > 2:  # of a soup of two, a single ingredient would be left
        scores = problem.neighbours(soup, among=soup)
        if not (scores > score).any():
            return
        soup, score = soup & (np.arange(problem.n) != scores.argmax()), scores.max()


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(backward)
