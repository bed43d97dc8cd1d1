"""Stepwise selection: what helps most comes in, what has become a burden goes out."""

from __future__ import annotations

from typing import Annotated

import numpy as np

import radin


def forward(
    problem: radin.Problem,
    *,
    removal: Annotated[bool, "after each addition, take members out for as long as that helps"] = True,
) -> radin.Proposals:
    """Stepwise selection: adds the ingredient that helps most, then drops members while that helps, until neither does.

    It begins with the best ingredient and stops at a soup, of two or more, that no ingredient put in or taken out
    improves. A step costs up to n evaluations, and there are about as many steps as the soup has members.
    """
    soup, score = np.arange(problem.n) == problem.solo.argmax(), -np.inf
    yield soup[None]
    while True:
        scores = problem.neighbours(soup, among=~soup)
        if not (scores > score).any():
            return
        soup, score = soup ^ (np.arange(problem.n) == scores.argmax()), scores.max()
        while removal and soup.sum() > 2:  # of a soup of two, a single ingredient would be left
            scores = problem.neighbours(soup, among=soup)
            if not (scores > score).any():
                break
            soup, score = soup ^ (np.arange(problem.n) == scores.argmax()), scores.max()


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(forward)
