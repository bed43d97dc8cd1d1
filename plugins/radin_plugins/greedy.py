"""The greedy soup of Wortsman et al., 2022 (arXiv 2203.05482), on any objective."""

from typing import Annotated, Literal

import numpy as np

import radin


def greedy(
    problem: radin.Problem,
    *,
    accept: Annotated[
        Literal["strict", "ties"], "keep an ingredient iff the score rises, or also if it stays the same"
    ] = "strict",
) -> radin.Proposals:
    """Ingredients in descending own score, each kept iff the soup gets better: the greedy soup.

    Equal ingredients come in pool order. On a `radin.Verifier` this is the greedy soup of Wortsman et al. (2022),
    algorithm 1, with `accept="strict"` as in the authors' code; it takes n − 1 real soups.
    """
    best, *rest = np.argsort(-problem.solo, kind="stable")
    soup = np.arange(problem.n) == best
    (score,) = yield soup[None]
    for ingredient in rest:
        trial = soup.copy()
        trial[ingredient] = True
        (new,) = yield trial[None]
        if new > score or (accept == "ties" and new == score):
            soup, score = trial, new


@radin.hookimpl
def register_searchers(register: radin.Register) -> None:
    """Registers the searcher of this module."""
    register(greedy)
